from __future__ import annotations

from collections.abc import Callable

from launcher.model.job import Event, Job
from launcher.model.node import NodeReport
from launcher.model.wire import Hello
from launcher.store import Store, clusters, events, jobs

HELLO = Hello("local", "local", "2.60.0", "3.11.7", "0.1", "host-a")
NODE = NodeReport("node-a", "host-a", "10.0.0.1", {"CPU": 4.0}, {"CPU": 1.5}, {"zone": "a"})


def test_events_are_told_in_order_after_a_cursor(
    store: Store, job: Job, make_job: Callable[..., Job]
) -> None:
    with store.begin() as tx:
        jobs.insert(tx, make_job(id="other-aaaaaa"), None)
        events.append(tx, job.id, [Event("queued", "waits"), Event("granted", "runs", 1)], 1.0)
        events.append(tx, "other-aaaaaa", [Event("queued", "waits too")], 2.0)
        events.append(tx, job.id, [Event("running", "2 ranks", 1)], 3.0)
        events.append(tx, job.id, [], 4.0)
    with store.read() as tx:
        own = events.after(tx, job.id)
        assert [(one.kind, one.time, one.attempt) for one in own] == [
            ("queued", 1.0, None),
            ("granted", 1.0, 1),
            ("running", 3.0, 1),
        ]
        assert events.after(tx, job.id, own[1].id) == own[2:]
        assert events.after(tx, job.id, own[2].id) == []
        assert events.after(tx, job.id, limit=2) == own[:2]
        assert [one.text for one in events.after(tx, "other-aaaaaa")] == ["waits too"]


def test_each_session_of_a_cluster_gets_a_higher_fence(store: Store) -> None:
    with store.begin() as tx:
        assert clusters.get(tx, "local") is None
        fences = [clusters.open_session(tx, HELLO, now) for now in (1.0, 2.0, 3.0)]
        cluster = clusters.get(tx, "local")
    assert fences == [1, 2, 3]
    assert cluster == clusters.Cluster("local", "local", 3, "host-a", "2.60.0", 3.0)


def test_only_the_newest_session_is_believed(store: Store) -> None:
    with store.begin() as tx:
        old = clusters.open_session(tx, HELLO, 1.0)
        assert clusters.save_nodes(tx, "local", old, [NODE], 2.0)
        new = clusters.open_session(tx, HELLO, 3.0)
        assert not clusters.save_nodes(tx, "local", old, [NODE], 4.0)
        unheard = clusters.get(tx, "local")
        assert unheard is not None
        assert (unheard.nodes, unheard.last_seen) == ((), 3.0)
        assert clusters.save_nodes(tx, "local", new, (NODE,), 5.0)
        heard = clusters.get(tx, "local")
    assert heard is not None
    assert (heard.nodes, heard.last_seen) == ((NODE,), 5.0)


def test_all_clusters_are_listed_by_name(store: Store) -> None:
    with store.begin() as tx:
        for name in ("b", "a"):
            clusters.open_session(tx, Hello(name, "ray", "2.60.0", "3.11.7", "0.1", "h"), 1.0)
        assert [cluster.name for cluster in clusters.all(tx)] == ["a", "b"]
