"""The list of jobs, looked through."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import event

from launcher.model import lifecycle
from launcher.model.states import JobState
from launcher.server.control import new_job
from launcher.spec.judge import spec_from_data
from launcher.store import jobs, listing
from launcher.store.listing import Wanted

WHOLE = Wanted()


def made(name, at, *, user="ada", **keys):
    spec = {"name": name, "framework": "command", "entrypoint": ["true"], "workdir": "/tmp"}
    return new_job(spec_from_data(spec | keys), code="", user=user, python="", now=at)


def ended(job, state):
    placed = lifecycle.place(job, "lab", [("n1", 1)], job.submitted_at).job
    attempt = replace(placed.attempt, ended_at=job.submitted_at + 5)
    over = {"state": JobState(state), "ended_at": job.submitted_at + 5, "attempt": attempt}
    return replace(placed, **over)


@pytest.fixture
def store(store):
    """Five jobs, the oldest first: one failed, one succeeded, three wait."""
    told = [
        made("bert", 1.0, user="ada", project="speech"),
        made("resnet", 2.0, user="bob", project="vision", priority=80),
        made("bert-large", 3.0, user="bob", project="speech"),
        made("vit", 4.0, user="100%", project="vision", cluster="gpu"),
        made("vit", 5.0, user="a_c", project="vision", priority=10),
    ]
    with store.begin() as tx:
        jobs.insert_all(tx, told, {})
        jobs.save_all(tx, [ended(told[0], "FAILED"), ended(told[1], "SUCCEEDED")])
    return store


@pytest.fixture
def names(store):
    """Names of the jobs on a page, with the numbers of their submission."""

    def names(wanted=WHOLE, order="submitted", *, descending=True, offset=0, limit=10):
        how = {"order": order, "descending": descending, "offset": offset, "limit": limit}
        with store.read() as tx:
            return [int(job.submitted_at) for job in listing.page(tx, wanted, **how)]

    return names


def test_the_newest_is_first_and_pages_follow_each_other(names):
    assert names() == [5, 4, 3, 2, 1]
    assert names(limit=2) + names(offset=2, limit=2) + names(offset=4, limit=2) == [5, 4, 3, 2, 1]
    assert names(offset=5) == []
    assert names(descending=False) == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Wanted(states=frozenset({JobState.QUEUED})), [5, 4, 3]),
        (Wanted(states=frozenset({JobState.FAILED, JobState.SUCCEEDED})), [2, 1]),
        (Wanted(project="speech"), [3, 1]),
        (Wanted(user="bob"), [3, 2]),
        (Wanted(user="bob", project="speech"), [3]),
        (Wanted(user="nobody"), []),
        (Wanted(text="bert"), [3, 1]),
        (Wanted(text="BERT-L"), [3]),
        (Wanted(text="_"), []),
        (Wanted(text="%"), []),
        (Wanted(text="\\"), []),
        (Wanted(cluster="lab"), [2, 1]),
        (Wanted(cluster="gpu"), [4]),
        (Wanted(cluster="any"), [5, 3]),
        (Wanted(cluster="lab", states=frozenset({JobState.FAILED})), [1]),
    ],
)
def test_what_is_wanted_is_found_and_counted(names, store, wanted, found):
    assert names(wanted) == found
    with store.read() as tx:
        counts = listing.count(tx, wanted)
    states = wanted.states or set(JobState)
    assert sum(counts[state] for state in states) == len(found)


def test_the_count_tells_of_every_state_also_where_one_is_wanted(store):
    with store.read() as tx:
        counts = listing.count(tx, Wanted(states=frozenset({JobState.FAILED})))
    assert counts == {JobState.QUEUED: 3, JobState.FAILED: 1, JobState.SUCCEEDED: 1}


@pytest.mark.parametrize(
    ("order", "upward", "downward"),
    [
        ("name", [1, 3, 2, 5, 4], [5, 4, 2, 3, 1]),
        ("priority", [5, 4, 3, 1, 2], [2, 4, 3, 1, 5]),
        ("project", [3, 1, 5, 4, 2], [5, 4, 2, 3, 1]),
        ("state", [1, 5, 4, 3, 2], [2, 5, 4, 3, 1]),
    ],
)
def test_jobs_are_put_in_order_and_among_equals_the_newest_is_first(names, order, upward, downward):
    assert names(order=order, descending=False) == upward
    assert names(order=order) == downward


def test_projects_and_users_are_told_once_each(store):
    with store.read() as tx:
        projects, users = listing.projects_and_users(tx)
    assert projects == ["speech", "vision"]
    assert users == ["100%", "a_c", "ada", "bob"]


@pytest.mark.on_sqlite
@pytest.mark.parametrize(
    "wanted", [WHOLE, Wanted(user="ada"), Wanted(project="x"), Wanted(text="b")]
)
def test_looking_through_all_jobs_reads_no_row_that_is_not_shown(store, wanted):
    """What an index has not must not be asked of every job: there may be a hundred thousand."""
    asked = []

    def note(_connection, _cursor, statement, parameters, *_):
        asked.append((statement, parameters))

    with store.read() as tx:
        event.listen(tx, "before_cursor_execute", note)
        listing.count(tx, wanted)
        listing.page(tx, wanted, order="submitted", descending=True, offset=0, limit=0)
        event.remove(tx, "before_cursor_execute", note)
        plans = [
            " ".join(row[-1] for row in tx.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", values))
            for query, values in asked
        ]
    assert len(plans) == 2
    assert all("COVERING INDEX" in plan for plan in plans), plans
