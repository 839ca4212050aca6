"""The messages between server, executors and agents, and their JSON form.

Every message is a state, not a delta: it may be lost, repeated, reordered and replayed. Messages
are written strict and read lenient (unknown keys are ignored), so that the server serves executors
and agents of the previous minor version. PROTOCOL: docs/protocol.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from launcher.model.job import Verdict
from launcher.model.launch import Launch
from launcher.model.node import NodeReport
from launcher.model.outputs import OutputLimits
from launcher.model.pools import AskedNode, Pools
from launcher.model.visit import VisitOrder

WIRE_VERSION = 1
"""Counted on by a release whose messages the release before would misunderstand; a new field with a
default is none of these."""
OLDEST_WIRE = max(1, WIRE_VERSION - 1)
"""The oldest that a server serves. Who is not served is told so: `launcher.model.versions`."""

LEASE_S = 30.0
"""An agent that nobody renewed for so long, on its own monotonic clock, kills its ranks."""
LEASE_MARGIN_S = 10.0
"""How much longer the granter waits before it takes an expired lease for a proof of death."""
ORPHAN_TIMEOUT_S = 6 * 3600.0
"""An agent with neither server nor executor gives its resources back after so long."""

# --- executor <-> server --------------------------------------------------------------------------


@dataclass(frozen=True)
class Hello:
    """An executor asks to be the one of its cluster. `replaces`: a session it knows to be dead."""

    cluster: str
    kind: str
    ray_version: str
    python_version: str
    launcher_version: str
    host: str
    replaces: int | None = None
    wire: int = WIRE_VERSION


@dataclass(frozen=True)
class Session:
    """`fence` numbers the session; messages with another number are refused."""

    fence: int
    server_id: str
    wire: int = WIRE_VERSION


@dataclass(frozen=True)
class AgentReport:
    """What the executor knows of one agent by its own connection to it.

    state: `alive`; `dead` (its machine refuses the connection: first-hand proof); `silent`
    (nothing heard for `silent_s`). `linked`: the agent said on this connection, of which no end was
    seen, that it obeys this session; so it has a lease, which this session renewed.
    """

    index: int
    state: str
    address: str = ""
    silent_s: float = 0.0
    linked: bool = False
    node_alive: bool = True


@dataclass(frozen=True)
class AllocationReport:
    """state: `making`, `up`, `failed` (reason), `gone`, `orphan` (the server never named it)."""

    id: str
    state: str
    agents: tuple[AgentReport, ...] = ()
    reason: str = ""


@dataclass(frozen=True)
class Report:
    """Everything an executor knows, whole each time. It may be late: hence `receipt`."""

    cluster: str
    fence: int
    nodes: tuple[NodeReport, ...]
    allocations: tuple[AllocationReport, ...]
    receipt: str = ""
    """The server's newest answer to a report that was there when this one was made."""
    pools: Pools | None = None
    """By what an autoscaler could make the cluster grow; None: there is no autoscaler."""
    wire: int = WIRE_VERSION


@dataclass(frozen=True)
class WantedNode:
    index: int
    node_id: str
    ranks: int
    bundle: dict[str, float]
    """Ray resources to hold on this node."""
    address: str = ""
    """Of its agent, when that registered."""
    over: bool = False
    """No rank of the allocation runs there or ever will, as far as the server knows."""


@dataclass(frozen=True)
class WantedAllocation:
    id: str
    job_id: str
    token: str
    nodes: tuple[WantedNode, ...]


@dataclass(frozen=True)
class Desired:
    """All allocations a cluster shall have, and those it shall give back.

    `version` is opaque, compared for inequality. Absence from both lists stops nothing.
    """

    version: str
    allocations: tuple[WantedAllocation, ...] = ()
    stop: tuple[WantedAllocation, ...] = ()
    over: bool = False
    """The cluster was one job's own, and that has no more use for it: the executor ships what is
    left on its nodes and ends."""
    asked: tuple[AskedNode, ...] | None = None
    """All nodes that the autoscaler shall see to, those that are there among them. Empty: it goes
    by its own rules. None: it keeps what it was told last."""


# --- agent <-> server -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Note:
    """Something worth an event, told once: the server keeps the last number it took."""

    number: int
    text: str
    warning: bool = False
    """The user should mend something; it is shown with the job from then on."""


@dataclass(frozen=True)
class AgentStatus:
    """What one agent knows, whole each time. Facts only grow.

    `set_up`: highest attempt whose environment was in place here (of jobs that pass through SETUP).
    `started`: highest attempt whose ranks all run or ran (the leader's word). `quiet`: no rank of
    this or an earlier attempt runs here or ever will. `verdict`: the leader's, of `attempt`.
    `closed`: not empty when the agent ends for good; the text says why.
    """

    allocation: str
    index: int
    address: str
    attempt: int = 0
    """The attempt that this agent was granted last."""
    started: int = 0
    quiet: int = 0
    verdict: Verdict | None = None
    closed: str = ""
    lost_peers: tuple[int, ...] = ()
    """Peers whose machine closed or refused the gang's connection: proof that they are dead."""
    notes: tuple[Note, ...] = ()
    seen: str = ""
    """`Orders.version` that this agent has; another one is answered at once."""
    set_up: int = 0
    leaving: str = ""
    """Not empty: its node is about to go; the text names it and says why."""
    wire: int = WIRE_VERSION


@dataclass(frozen=True)
class CheckpointRef:
    """A committed checkpoint to resume from."""

    id: int
    step: int


@dataclass(frozen=True)
class Orders:
    """The server's answer, which renews the agent's lease.

    `grant`: the attempt that may run, 0 for none; `resume`: from where. `stop`: that attempt shall
    end, gracefully unless `force`. `close`: the agent shall end its ranks and itself; when
    `job_over` too, the job's files on the node go. `lost_nodes`: nodes of the allocation whose
    agent is gone or never came. `peers`: addresses of the allocation's agents by node, empty while
    unregistered.
    """

    version: str
    grant: int = 0
    resume: CheckpointRef | None = None
    stop: bool = False
    force: bool = False
    close: bool = False
    job_over: bool = False
    lost_nodes: tuple[int, ...] = ()
    peers: tuple[str, ...] = ()
    notes_taken: int = 0
    visits: tuple[VisitOrder, ...] = ()
    """Commands to run beside the ranks here. One that is no more among them goes on: its own
    requests are answered that it is over."""


@dataclass(frozen=True)
class AgentSetup:
    """What an agent asks for once: the job as it shall launch it, and the gang's shape."""

    launch: Launch
    ranks: tuple[int, ...]
    """Number of ranks on each node of the allocation."""
    secrets: dict[str, str] = field(default_factory=dict, repr=False)
    """Values by variable."""
    sealed: str = ""
    """The values as only the server reads them: what the node keeps of them."""
    fault: str = ""
    """Not empty: why no rank can be started."""
    output_limits: OutputLimits = field(default_factory=OutputLimits)
