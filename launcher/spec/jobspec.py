"""JobSpec: what the user wrote, checked and frozen.

The text under each field is its only documentation: the JSON schema (schema.py) and
docs/job-spec.md (reference.py) are made of it. A key stands here only when its feature is built;
the others are refused by name (unbuilt.py).
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from launcher import names
from launcher.model.checkpoint import KeepBest
from launcher.model.launch import Entrypoint
from launcher.model.notice import DEFAULT_MOMENTS
from launcher.model.secret import is_set_for_ranks
from launcher.spec.array import ArrayText
from launcher.spec.entrypoint import parse_entrypoint, program_name
from launcher.spec.files import (
    JobReference,
    LinkName,
    LinkTarget,
    Patterns,
    also_a_list,
    links_apart,
    list_or_section,
    whose,
)
from launcher.spec.frameworks import (
    FRAMEWORKS,
    Keras,
    TensorFlow,
    foreign_sections,
    framework_name,
    is_one_process,
    set_anyway,
    strategy_of,
    torn_apart,
)
from launcher.spec.kubernetes import Image, Kubernetes, without_cluster
from launcher.spec.metrics import Metrics
from launcher.spec.part import Part
from launcher.spec.requirements import requirements_value
from launcher.spec.resources import Resources
from launcher.spec.secret import (
    ByVariable,
    Moments,
    SecretName,
    SecretVariable,
    Url,
    an_address_alone,
    listed_too,
)
from launcher.spec.start import Afters, NotBefore
from launcher.spec.values import (
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
    Text,
    WrongValueError,
    each,
    kind_of,
    raise_all,
    sendable,
)
from launcher.spec.watching import Watch, behind_links


def _version(value: object) -> object:
    if value != 1 or isinstance(value, bool):
        raise WrongValueError(
            "this launcher reads version 1, not {value}; remove the line, or update the launcher"
        )
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
    return each(value, _word)


def _word(word: object, index: int) -> str:
    if isinstance(word, bool) or not isinstance(word, str | int | float):
        raise WrongValueError('{value} is not text; quote it: "{value}"', at=(index,))
    return sendable(word if isinstance(word, str) else str(getattr(word, "raw", word)))


def _interpreter(value: str) -> str:
    if "$" in value:
        raise WrongValueError("{value}: variables are not expanded; write the path itself")
    if re.search(r"\s-", value):
        raise WrongValueError(
            "{value} is more than a path; flags are written in the entrypoint: python -u train.py"
        )
    return value.strip()


class Python(Part):
    interpreter: Annotated[Text, AfterValidator(_interpreter)] | None = None
    """Path of the python that runs the program, on the nodes: a relative one begins in the job's
    folder, `~` is the home of the nodes' user, a bare name is looked up on the nodes' PATH. Without
    it: on the embedded cluster the python of the project that submits, elsewhere the cluster's
    own."""
    requirements: (
        Annotated[
            str | tuple[str, ...],
            BeforeValidator(requirements_value),
            WithJsonSchema(
                {
                    "anyOf": [
                        {"type": "string", "minLength": 1},
                        {"type": "array", "items": {"type": "string"}, "minItems": 1},
                    ]
                }
            ),
        ]
        | None
    ) = None
    """Packages of the program, as a list or a file of the workdir (requirements.txt,
    pyproject.toml). Each node makes an environment of them with uv, once for all jobs that want the
    same; docs/environments.md tells more. Without it: those that the interpreter has."""
    warm_start: Flag = True
    """Ranks are forked from an interpreter that has imported torch, TensorFlow, Keras or JAX, where
    a node has one and the program allows it; docs/warm-starts.md tells more."""


class Best(Part):
    metric: Text | None = None
    """Name of a reported metric, as `val_loss`. Without it: none is kept for its figures."""
    mode: Literal["min", "max"] | None = None
    """Whether its lowest (`min`) or its highest value (`max`) is the best."""
    keep: Count = 1
    """How many of the best are kept."""

    @model_validator(mode="after")
    def _check_complete(self) -> Best:
        if self.metric is None and (self.mode, self.keep) != (None, 1):
            raise WrongValueError("names no metric; add metric: val_loss", at=())
        if self.metric is not None and self.mode is None:
            raise WrongValueError("has no mode; add mode: min for a loss, mode: max for a score")
        return self

    @property
    def rule(self) -> KeepBest | None:
        """The rule, if there is one."""
        if self.metric is None or self.mode is None:
            return None
        return KeepBest(self.metric, self.mode, self.keep)


class Checkpoints(Part):
    watch: Watch = ()
    """Files and folders that the program saves by itself, as `[snapshot.pt, runs/checkpoint-*]`:
    they are kept as checkpoints while it runs, and put back before every attempt. Absolute paths
    are kept too, and never put back. docs/checkpoints.md tells more."""
    watch_per_node: Flag = False
    """Every node has watched files of its own. Without it: those of the lowest node that saved them
    are put back on all."""
    keep_last: Count = 2
    """How many of the newest committed checkpoints are kept."""
    keep_best: Annotated[Best, Section] = Best()
    """Checkpoints that are kept for their figures, beside the newest."""


class Outputs(Part):
    paths: Patterns = ()
    """Paths in the job's folder, as `plots/*.png` or `export/**/*.onnx`; a folder means all in
    it."""
    rank: Annotated[
        Literal[0, "all"], BeforeValidator(whose), WithJsonSchema({"enum": [0, "all"]})
    ] = 0
    """`0`: from the node of rank 0; `all`: from every node."""


class Retries(Part):
    max: CountOrZero = 0
    """New attempts after the program's own failures. Lost nodes and preemptions do not count."""
    backoff: Duration = 10.0
    """Pause before such an attempt."""


class Timeouts(Part):
    run: Limit | None = None
    """How long all attempts together may run. Without it: no limit."""
    start: PositiveDuration = 600.0
    """How long the workers may take until all are started. How long they then wait for each other
    is the framework's affair; docs/frameworks.md tells it."""
    queue: Limit | None = None
    """How long the job may wait in the queue. Without it: no limit."""
    grace: Duration = 60.0
    """How long the program may take to save before it is stopped."""


class Notify(Part):
    url: Url | None = None
    """Where a message is posted, as Slack takes it."""
    url_secret: SecretName | None = None
    """Name of the secret that is this address: whoever knows one of Slack can post there."""
    when: Moments = DEFAULT_MOMENTS
    """Some of `started` (every attempt that runs), `requeued` (an attempt ended and another one
    follows), `succeeded`, `failed` and `cancelled`."""

    @model_validator(mode="after")
    def _check_receiver(self) -> Notify:
        if self.url and self.url_secret:
            raise WrongValueError("stands beside url; remove one of them", at=("url_secret",))
        if not (self.url or self.url_secret) and self.when != DEFAULT_MOMENTS:
            raise WrongValueError("names no receiver; add url or url_secret", at=())
        return self


class JobSpec(Part, BaseModel):
    version: Annotated[int, BeforeValidator(_version), WithJsonSchema({"const": 1})] = 1
    """Version of this format."""
    name: Name | None = None
    """What the job is called. Without it: the name of its program."""
    framework: Annotated[
        str, BeforeValidator(framework_name), WithJsonSchema({"enum": list(FRAMEWORKS)})
    ] = "pytorch"
    """What makes the workers one training. `command` runs any program; docs/frameworks.md tells of
    each."""
    tensorflow: Annotated[TensorFlow, Section] = TensorFlow()
    """How workers of `framework: tensorflow` train together."""
    keras: Annotated[Keras, Section] = Keras()
    """What `framework: keras` runs on."""
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
    `-m package.module`, or a list of words. A line of torchrun, accelerate launch or deepspeed is
    read into the keys that its flags mean (docs/from-torchrun.md). With `framework: command` a text
    is a script of `bash -e`, a list is executed as it is."""
    workdir: Text = "."
    """Folder that is sent to the nodes, relative to the spec's own. What .gitignore and
    .launcherignore name is left out."""
    in_place: Flag = False
    """The program runs in `workdir` itself, of which nothing is sent; only on the embedded cluster.
    `--in-place` sets it for one submit."""
    links: Annotated[dict[LinkName, LinkTarget], Section, AfterValidator(links_apart)] = {}
    """Symlinks that are made in the job's folder on every node, as `{data: /mnt/imagenet}`."""
    env: Annotated[dict[EnvName, EnvText], Section] = {}
    """Environment variables of the program."""
    secrets: Annotated[
        dict[SecretVariable, SecretName], ByVariable, Field(json_schema_extra=listed_too)
    ] = {}
    """Names of secrets that the program gets as environment variables, as `[WANDB_API_KEY]`, or
    `{HF_TOKEN: TEAM_HF_TOKEN}` under other names. Values are kept by `launcher secret set`;
    docs/secrets.md tells more."""
    python: Annotated[Python, Section] = Python()
    """Which python runs the program."""
    resources: Annotated[Resources, Section] = Resources()
    """What the job needs of the cluster."""
    checkpoints: Annotated[Checkpoints, Section] = Checkpoints()
    """What is kept of the checkpoints."""
    outputs: Annotated[
        Outputs, BeforeValidator(list_or_section), Field(json_schema_extra=also_a_list)
    ] = Outputs()
    """Files that are kept when an attempt has ended, also a failed one: pictures, tables, exported
    models. A list is short for `paths`."""
    metrics: Annotated[Metrics, Section] = Metrics()
    """Figures that are read without a word of the program. docs/metrics.md tells more."""
    from_job: JobReference | None = None
    """The first attempt resumes from another job's newest checkpoint, `digits-k3m9ap`, or from that
    of a step, `digits-k3m9ap@400`. `--from` sets it for one submit."""
    retries: Annotated[Retries, Section] = Retries()
    """What happens when the program fails."""
    timeouts: Annotated[Timeouts, Section] = Timeouts()
    """Durations, as `90s`, `30m`, `12h` or `1h30m`; a bare number is seconds."""
    stop_signal: Literal["SIGTERM", "SIGINT", "SIGUSR1", "SIGUSR2"] = "SIGTERM"
    """Signal that asks the program to save and end."""
    project: Name = "default"
    """Whose quota the job counts against."""
    priority: Priority = 50
    """From 0 to 100; higher goes first. `launcher priority` changes it later; docs/queue.md tells
    what else counts."""
    preemptible: Flag = False
    """The job may be stopped for others, once it has a committed checkpoint to resume from; it goes
    back to its place in the queue. In return it may hold more than its project's quota, of what
    others leave idle."""
    resize_every: PositiveDuration = 600.0
    """How long a job with `workers: {min, max}` runs before it is stopped to grow, right after a
    checkpoint."""
    after: Afters = ()
    """Jobs, or arrays, that must have succeeded before this one starts; `digits-k3m9ap:any`, or
    `{job: digits-k3m9ap, when: ended}`, waits for the end alone. One needs no list. When one can
    never succeed any more, this job is cancelled. `--after` sets it for one submit."""
    not_before: NotBefore | None = None
    """No attempt is started earlier: a moment, as `2026-11-23T20:00` on the clock of the machine
    that submits (`+01:00` or `Z` behind it names another), or a duration from the submit, as
    `8h`."""
    array: ArrayText | None = None
    """Makes one job for each index: `0-9`, `0,3,7`, `0-99%4` for at most 4 at once. Each finds its
    own in LAUNCHER_ARRAY_INDEX; docs/queue.md tells more. `--array` sets it for one submit."""
    notify: Annotated[Notify, Section, BeforeValidator(an_address_alone)] = Notify()
    """Who is told when the job's state changes. A text is short for `url`. docs/notify.md tells
    more."""
    cluster: Name = "any"
    """Cluster to run on; `any` takes the first Ray cluster that fits. On a Kubernetes that is
    attached the job gets a Ray cluster of its own, and so that one has to be named
    (docs/kuberay.md)."""
    image: Image | None = None
    """Image of the pods of the job's own cluster, with Ray and the launcher in it. Without it: the
    one that the Kubernetes was attached with."""
    kubernetes: Annotated[Kubernetes, Section] = Kubernetes()
    """What the pods of the job's own cluster have beside."""

    @field_validator("entrypoint")
    @classmethod
    def _entrypoint_can_be_read(cls, value: Any, info: ValidationInfo) -> Any:
        if "framework" in info.data:  # else the framework is complained about already
            parse_entrypoint(value, info.data["framework"])
        return value

    @field_validator("env")
    @classmethod
    def _env_leaves_the_ranks_alone(cls, value: dict[str, str]) -> dict[str, str]:
        words = "is set by the launcher for every worker; remove it"
        ours = [key for key in value if is_set_for_ranks(key)]
        raise_all(WrongValueError(words, at=(key,)) for key in ours)
        return value

    @model_validator(mode="after")
    def _each_variable_once(self) -> JobSpec:
        words = "is a variable of secrets too; remove one of them"
        raise_all(
            WrongValueError(words, at=("env", name)) for name in self.env if name in self.secrets
        )
        return self

    @model_validator(mode="after")
    def _kubernetes_is_named(self) -> JobSpec:
        raise_all(without_cluster(self.cluster, image=self.image, pod=self.kubernetes.pod))
        return self

    @model_validator(mode="after")
    def _something_to_resize(self) -> JobSpec:
        is_default = self.resize_every == type(self).model_fields["resize_every"].default
        if not is_default and self.resources.fewest is None:
            raise WrongValueError(
                "does nothing for a fixed number of workers; write resources.workers as {min: 2, "
                "max: 8}, or remove the line",
                at=("resize_every",),
            )
        return self

    @model_validator(mode="after")
    def _framework_and_its_keys(self) -> JobSpec:
        wrong = [*foreign_sections(self.framework, self.tensorflow, self.keras)]
        wrong += set_anyway(self.framework, self.env)
        if self.is_one_process:
            wrong += torn_apart(self.framework, self.resources)
        raise_all(wrong)
        return self

    @model_validator(mode="after")
    def _name_after_the_program(self) -> JobSpec:
        if self.name is None:
            # The model is frozen for its users; here it is still being made.
            object.__setattr__(self, "name", names.slug(program_name(self.program)))
        return self

    @model_validator(mode="after")
    def _leave_the_users_folder_alone(self) -> JobSpec:
        if self.in_place and self.links:
            raise WrongValueError(
                "are made in the job's own folder, and in_place there is none; "
                "make the symlinks in the folder yourself, or leave in_place out",
                at=("links",),
            )
        return self

    @model_validator(mode="after")
    def _watched_files_can_be_found(self) -> JobSpec:
        raise_all(
            WrongValueError(words, at=("checkpoints", "watch", index))
            for index, words in behind_links(self.checkpoints.watch, self.links.items())
        )
        if self.checkpoints.watch_per_node and not self.checkpoints.watch:
            raise WrongValueError(
                "does nothing without checkpoints.watch; add it, or remove the line",
                at=("checkpoints", "watch_per_node"),
            )
        return self

    @property
    def program(self) -> Entrypoint:
        """The entrypoint as the agents run it."""
        return parse_entrypoint(self.entrypoint, self.framework)

    @property
    def strategy(self) -> str:
        """How the workers train together: `tensorflow.strategy` or `keras.backend`; else empty."""
        return strategy_of(self.framework, self.tensorflow, self.keras)

    @property
    def is_one_process(self) -> bool:
        """All workers together are one process of one node, as under MirroredStrategy."""
        return is_one_process(self.framework, self.strategy)

    @property
    def replicas_per_rank(self) -> int:
        """How many of the workers each process stands for."""
        return self.resources.most if self.is_one_process else 1
