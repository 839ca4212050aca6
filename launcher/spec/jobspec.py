"""JobSpec: what the user wrote, checked and frozen.

The text under each field is its only documentation: the JSON schema (schema.py) and
docs/job-spec.md (reference.py) are made of it. A key stands here only when its feature is built;
the others are refused by name (unbuilt.py).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from launcher import names
from launcher.model.launch import Entrypoint
from launcher.spec.entrypoint import parse_entrypoint, program_name
from launcher.spec.unbuilt import FRAMEWORKS_NOT_BUILT
from launcher.spec.values import (
    Amount,
    Count,
    CountOrZero,
    Duration,
    EnvName,
    EnvText,
    Flag,
    Limit,
    Name,
    PositiveDuration,
    Priority,
    Section,
    Size,
    Text,
    WrongValueError,
    did_you_mean,
    kind_of,
    sendable,
)

FRAMEWORKS = ("pytorch", "command")
"""The frameworks that this version runs."""

_SET_BY_US = frozenset(
    {"RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "GROUP_RANK", "GROUP_WORLD_SIZE"}
    | {"ROLE_RANK", "ROLE_WORLD_SIZE", "ROLE_NAME", "NODE_RANK", "MASTER_ADDR", "MASTER_PORT"}
    | {"CUDA_VISIBLE_DEVICES"}
)
_RAY_OWN = {"CPU": "cpus_per_worker", "GPU": "gpus_per_worker", "memory": "memory_per_worker"}


def _version(value: object) -> object:
    if value != 1 or isinstance(value, bool):
        raise WrongValueError(
            "this launcher reads version 1, not {value}; remove the line, or update the launcher"
        )
    return value


def _framework(value: object) -> object:
    known = " and ".join(FRAMEWORKS)
    if value in FRAMEWORKS_NOT_BUILT:
        raise WrongValueError(f"{{value}}: not in this version; this version runs {known}")
    if value not in FRAMEWORKS:
        near = did_you_mean(str(value), FRAMEWORKS)
        raise WrongValueError(f"{{value}} is not known; this version runs {known}{near}")
    return value


def _program(value: object) -> str | tuple[str, ...]:
    """A line, or a list of words; numbers in a list are words too."""
    if isinstance(value, str):
        if not value.strip():
            raise WrongValueError("is empty; write the program, as train.py --epochs 5")
        return sendable(value)
    if not isinstance(value, list | tuple):
        words = f"expected a line, as train.py --epochs 5, or a list, found {kind_of(value)}"
        raise WrongValueError(words)
    if not value:
        raise WrongValueError("is empty; write the program, as [train.py, --epochs, 5]")
    return tuple(_word(word, index) for index, word in enumerate(value))


def _word(word: object, index: int) -> str:
    if isinstance(word, bool) or not isinstance(word, str | int | float):
        raise WrongValueError('{value} is not text; quote it: "{value}"', at=(index,))
    return sendable(word if isinstance(word, str) else str(getattr(word, "raw", word)))


def _fixed_workers(value: object) -> object:
    if isinstance(value, dict):
        raise WrongValueError("{min, max}: not in this version; write a whole number")
    return value


def _resource_name(value: str) -> str:
    if value in _RAY_OWN:
        raise WrongValueError(f"has a key of its own: resources.{_RAY_OWN[value]}")
    return value


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Python(_Part):
    interpreter: Text | None = None
    """Path of the python that runs the program, on the nodes. Without it: on the embedded cluster
    the python of the shell that submits, elsewhere the cluster's own."""


class Resources(_Part):
    workers: Annotated[Count, BeforeValidator(_fixed_workers)] = 1
    """Replicas of the data-parallel training: one process each."""
    gpus_per_worker: CountOrZero | None = None
    """Whole GPUs of each worker. Without it: 1 when the cluster has GPUs and the framework is not
    `command`, else 0."""
    cpus_per_worker: Count = 1
    """CPU cores of each worker."""
    memory_per_worker: Size | None = None
    """Memory kept free for each worker, as `8GiB`. Without it: none is set aside."""
    accelerator: Text | None = None
    """Kind of GPU, in Ray's words (`A100`) or those of the label nvidia.com/gpu.product."""
    custom: Annotated[dict[Annotated[Text, AfterValidator(_resource_name)], Amount], Section] = {}
    """Ray resources of the cluster's own that each worker takes, as `{licence: 1}`."""
    labels: Annotated[dict[Text, Text], Section] = {}
    """Labels that a node must carry, as `{ray.io/market-type: on-demand}`."""
    placement: Literal["pack", "spread", "single_node"] = "pack"
    """`pack` on few nodes, `spread` over many, or all on a `single_node`."""
    nodes: Count | None = None
    """Number of nodes, in place of `placement`."""
    workers_per_node: Count | None = None
    """Workers on each node. With `nodes` it gives the number of workers."""
    uneven: Flag = False
    """Nodes may carry unequal numbers of workers."""

    @model_validator(mode="after")
    def _count_workers(self) -> Resources:
        if self.nodes and self.workers_per_node and "workers" not in self.model_fields_set:
            # The model is frozen for its users; here it is still being made.
            object.__setattr__(self, "workers", self.nodes * self.workers_per_node)
        self._check_placement()
        self._check_shape()
        return self

    def _check_placement(self) -> None:
        shaped = self.nodes or self.workers_per_node
        if shaped and self.placement != "pack":
            raise WrongValueError(
                "{value} contradicts nodes and workers_per_node; write one or the other",
                at=("placement",),
            )

    def _check_shape(self) -> None:
        workers, nodes, each = self.workers, self.nodes, self.workers_per_node
        if nodes and nodes > workers:
            raise WrongValueError(
                f"{nodes} nodes for {workers} workers; lower nodes or raise workers",
                at=("nodes",),
            )
        if nodes and each and not self._fits(workers, nodes, each):
            raise WrongValueError(
                f"{nodes} nodes of {each} workers are {nodes * each}, but workers is {workers}; "
                "remove workers, or correct one of the three",
                at=("workers",),
            )
        divisor = nodes or each
        if divisor and workers % divisor and not self.uneven:
            key = "nodes" if nodes else "workers_per_node"
            raise WrongValueError(
                f"{workers} workers cannot be spread evenly with {key}: {divisor}; "
                "change one of them, or write uneven: true",
                at=(key,),
            )

    def _fits(self, workers: int, nodes: int, each: int) -> bool:
        return workers <= nodes * each if self.uneven else workers == nodes * each


class Checkpoints(_Part):
    keep_last: Count = 2
    """How many of the newest committed checkpoints are kept."""


class Retries(_Part):
    max: CountOrZero = 0
    """New attempts after the program's own failures. Lost nodes and preemptions do not count."""
    backoff: Duration = 10.0
    """Pause before such an attempt."""


class Timeouts(_Part):
    run: Limit | None = None
    """How long all attempts together may run. Without it: no limit."""
    start: PositiveDuration = 600.0
    """How long the workers may take to start and find each other."""
    queue: Limit | None = None
    """How long the job may wait in the queue. Without it: no limit."""
    grace: Duration = 60.0
    """How long the program may take to save before it is stopped."""


class JobSpec(_Part):
    version: Annotated[int, BeforeValidator(_version), WithJsonSchema({"const": 1})] = 1
    """Version of this format."""
    name: Name | None = None
    """What the job is called. Without it: the name of its program."""
    framework: Annotated[
        str, BeforeValidator(_framework), WithJsonSchema({"enum": list(FRAMEWORKS)})
    ] = "pytorch"
    """What makes the workers one training. `command` runs any program."""
    entrypoint: Annotated[
        str | tuple[str, ...],
        BeforeValidator(_program),
        WithJsonSchema(
            {
                "anyOf": [
                    {"type": "string", "minLength": 1},
                    {"type": "array", "items": {"type": ["string", "number"]}, "minItems": 1},
                ]
            }
        ),
    ]
    """The program as its author runs it: `train.py --epochs 5`, `python -u train.py`,
    `-m package.module`, or a list of words. With `framework: command` a text is a script of
    `bash -e`, a list is executed as it is."""
    workdir: Text = "."
    """Folder that is sent to the nodes, relative to the spec's own. What .gitignore and
    .launcherignore name is left out."""
    env: Annotated[dict[EnvName, EnvText], Section] = {}
    """Environment variables of the program."""
    python: Annotated[Python, Section] = Python()
    """Which python runs the program."""
    resources: Annotated[Resources, Section] = Resources()
    """What the job needs of the cluster."""
    checkpoints: Annotated[Checkpoints, Section] = Checkpoints()
    """What is kept of the checkpoints."""
    retries: Annotated[Retries, Section] = Retries()
    """What happens when the program fails."""
    timeouts: Annotated[Timeouts, Section] = Timeouts()
    """Durations, as `90s`, `30m`, `12h` or `1h30m`; a bare number is seconds."""
    stop_signal: Literal["SIGTERM", "SIGINT", "SIGUSR1", "SIGUSR2"] = "SIGTERM"
    """Signal that asks the program to save and end."""
    project: Name = "default"
    """Whose quota the job counts against."""
    priority: Priority = 50
    """From 0 to 100; higher goes first."""
    cluster: Name = "any"
    """Cluster to run on; `any` takes the first that fits."""

    @field_validator("entrypoint")
    @classmethod
    def _entrypoint_can_be_read(cls, value: Any, info: ValidationInfo) -> Any:
        if "framework" in info.data:  # else the framework is complained about already
            parse_entrypoint(value, info.data["framework"])
        return value

    @field_validator("env")
    @classmethod
    def _env_leaves_the_ranks_alone(cls, value: dict[str, str]) -> dict[str, str]:
        for key in value:
            if key in _SET_BY_US or key.startswith("LAUNCHER_"):
                raise WrongValueError(
                    "is set by the launcher for every worker; remove it", at=(key,)
                )
        return value

    @model_validator(mode="after")
    def _name_after_the_program(self) -> JobSpec:
        if self.name is None:
            # The model is frozen for its users; here it is still being made.
            object.__setattr__(self, "name", names.slug(program_name(self.program)))
        return self

    @property
    def program(self) -> Entrypoint:
        """The entrypoint as the agents run it."""
        return parse_entrypoint(self.entrypoint, self.framework)
