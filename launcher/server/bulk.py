"""Several jobs at once: named together, each told its outcome."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from launcher.errors import ConflictError, LauncherError, NotFoundError
from launcher.model import lifecycle, waiting
from launcher.model.job import Change, Job
from launcher.model.lifecycle import IllegalTransitionError
from launcher.model.states import JobState
from launcher.server.changing import Changing
from launcher.server.control import Control
from launcher.store import arrays, jobs
from launcher.store.jobs import Within
from launcher.views import Outcome

AT_ONCE = 200
"""Jobs of one transaction: others shall not wait long for theirs."""

Refusal = tuple[str, str]
"""Why a job stays as it is, and the next step."""


def resolve(control: Control, refs: Sequence[str], within: Within = None) -> list[str]:
    """Ids of all jobs that are named, each once; the id of an array names all its elements.

    Args:
        control: the server's.
        refs: what somebody wrote.
        within: projects whose jobs can be meant; None: all.

    Raises:
        NotFoundError, ConflictError: every name that means no job, or several.
    """
    found: dict[str, None] = {}
    wrong: list[LauncherError] = []
    with control.store.read() as tx:
        for ref in dict.fromkeys(refs):
            try:
                found.update(dict.fromkeys(arrays.find_all(tx, ref, within)))
            except (NotFoundError, ConflictError) as error:
                wrong.append(error)
    if wrong:
        raise type(wrong[0])("\n".join(map(str, wrong)), hint=wrong[0].hint)
    return list(found)


def cancel(control: Control, job_ids: Sequence[str], *, by: str, force: bool) -> list[Outcome]:
    """End these jobs; those that have ended stay as they are."""
    now = control.clock()

    def step(job: Job) -> Change:
        return lifecycle.cancel(job, now, by=by, force=force)

    # The last ones of an array first: else each that ends would give its turn to the next.
    return _each(control, job_ids[::-1], step, _ended)[::-1]


def hold(control: Control, job_ids: Sequence[str], *, by: str) -> list[Outcome]:
    """Keep these jobs from being started; those that do not wait are told."""
    now = control.clock()
    return _each(control, job_ids[::-1], lambda job: waiting.hold(job, now, by=by), _does_not_wait)[
        ::-1
    ]


def release(control: Control, job_ids: Sequence[str], *, by: str) -> list[Outcome]:
    """Let these jobs wait for their turn again; those that have ended are told."""
    now = control.clock()
    return _each(control, job_ids, lambda job: waiting.release(job, now, by=by), _ended)


def set_priority(
    control: Control, job_ids: Sequence[str], priority: int, *, by: str
) -> list[Outcome]:
    """Let these jobs stand elsewhere in the queue; those that have ended are told."""

    def step(job: Job) -> Change:
        return lifecycle.set_priority(job, priority, by=by)

    def refusal(job: Job) -> Refusal:
        problem = f"job '{job.id}' is {job.state}: only one that waits or runs has a priority"
        return problem, f"launcher clone {job.id} --set priority={priority} queues it once more"

    return _each(control, job_ids, step, refusal)


def set_limit(
    control: Control, job_ids: Sequence[str], limit: int | None, *, by: str
) -> list[Outcome]:
    """Let so many jobs of these arrays be in the queue or run at once; None: all of them.

    A job stands for its array, all of which is told; one that is of none is refused.
    """
    with control.store.read() as tx:
        named = jobs.get_all(tx, job_ids)
    outcomes = [
        Outcome(job.id, job.state.value, job.state.value, *_of_no_array(job))
        for job in named.values()
        if job.array_id is None
    ]
    for array_id in dict.fromkeys(job.array_id for job in named.values() if job.array_id):
        outcomes += _set_limit(control, array_id, limit, by=by)
    return outcomes


def _set_limit(control: Control, array_id: str, limit: int | None, *, by: str) -> Iterator[Outcome]:
    """In one transaction, as an array is submitted: whose turn it is goes by all of them."""
    now = control.clock()
    with control.changing() as changing:
        elements = jobs.get_all(changing.tx, arrays.elements(changing.tx, array_id))
        limit = None if limit is None or limit >= len(elements) else limit
        back = waiting.beyond(list(elements.values()), limit) if limit is not None else set()
        changing.take_all(
            {
                job_id: partial(_limited, limit=limit, now=now, by=by, is_put_back=job_id in back)
                for job_id in elements
            }
        )
    for job in elements.values():
        after = changing.saved.get(job.id, job)
        yield Outcome(job.id, job.state.value, after.state.value)


def _limited(
    job: Job, _: object, *, limit: int | None, now: float, by: str, is_put_back: bool
) -> Change:
    return waiting.set_limit(job, limit, now, by=by, is_put_back=is_put_back)


def _of_no_array(job: Job) -> Refusal:
    problem = f"job '{job.id}' is of no array: only an array has a limit"
    return problem, "launcher quota set PROJECT --running N bounds the jobs of a project"


def _each(
    control: Control,
    job_ids: Sequence[str],
    step: Callable[[Job], Change],
    refusal: Callable[[Job], Refusal],
) -> list[Outcome]:
    outcomes: list[Outcome] = []
    for start in range(0, len(job_ids), AT_ONCE):
        with control.changing() as changing:
            part = job_ids[start : start + AT_ONCE]
            outcomes += [_one(changing, job_id, step, refusal) for job_id in part]
    return outcomes


def _one(
    changing: Changing,
    job_id: str,
    step: Callable[[Job], Change],
    refusal: Callable[[Job], Refusal],
) -> Outcome:
    seen: list[Job] = []

    def looked_at(job: Job, _: object) -> Change:
        seen.append(job)
        return step(job)

    try:
        after = changing.take(job_id, looked_at)
    except IllegalTransitionError:
        state = seen[0].state.value
        return Outcome(job_id, state, state, *refusal(seen[0]))
    except NotFoundError as error:  # removed since it was named
        return Outcome(job_id, "", "", str(error))
    return Outcome(job_id, seen[0].state.value, after.state.value)


def _does_not_wait(job: Job) -> Refusal:
    if job.state.is_terminal:
        return _ended(job)
    problem = f"job '{job.id}' is {job.state}: only one that waits is held"
    return problem, f"launcher cancel {job.id} ends it"


def _ended(job: Job) -> Refusal:
    again = "clone" if job.state is JobState.SUCCEEDED else "retry"
    return f"job '{job.id}' has ended: {job.state}", f"launcher {again} {job.id} queues it again"
