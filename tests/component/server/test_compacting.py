"""What is put together of the points of jobs, by which of them have ended."""

from sqlalchemy import text

from launcher.server.compacting import compact


def rows(server):
    with server.store.read_points() as tx:
        return int(tx.scalar(text("SELECT count(*) FROM batches")))


def test_points_stay_apart_while_the_job_runs_and_are_put_together_once_it_ended(
    server, agent, job
):
    offset = 0
    for step in range(40):
        (offset,) = agent.points(step, loss=float(step), offset=offset)
    compact(server.store, 0)
    assert rows(server) == 40
    agent.end()
    compact(server.store, 1)
    assert rows(server) == 40
    compact(server.store, 15)
    assert rows(server) == 1
    (curve,) = server.get(f"/jobs/{job}/curves")["curves"]
    assert curve["xs"] == list(range(40))
