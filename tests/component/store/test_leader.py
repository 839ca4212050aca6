"""One of several servers on a PostgreSQL decides, and one that ceased to changes nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from own_postgresql import OwnPostgreSQL
from sqlalchemy import text

from launcher.model.job import Event, Job
from launcher.store import Store, dialect, events, jobs, open_store
from launcher.store.database import Database, DatabaseAwayError
from launcher.store.leader import Leadership, LostLeadError

pytestmark = pytest.mark.on_postgresql
MakeLeadership = Callable[[str], Leadership]


@pytest.fixture
def lead(store: Store, tmp_path: Path) -> MakeLeadership:
    """Makes what a server at that address does to decide."""
    return lambda url: Leadership(Database(store._main._engine, tmp_path), url)


@pytest.fixture
def lapse(store: Store) -> Callable[[], None]:
    """The one who decides was silent for longer than it may be."""

    def age() -> None:
        with store.begin() as tx:
            tx.execute(text("UPDATE leader SET renewed_at = renewed_at - 60"))

    return age


def test_of_two_servers_one_decides_and_the_other_knows_who(lead: MakeLeadership) -> None:
    one, other = lead("http://one"), lead("http://other")
    assert not one.look().lives
    epoch = one.take()
    assert epoch is not None
    assert other.take() is None
    assert (other.look().url, other.look().lives) == ("http://one", True)
    assert one.renew(epoch)


def test_who_is_silent_for_too_long_is_followed_by_another_one(
    lead: MakeLeadership, lapse: Callable[[], None]
) -> None:
    one, other = lead("http://one"), lead("http://other")
    first = one.take()
    assert first is not None
    lapse()
    assert not other.look().lives
    second = other.take()
    assert second == first + 1
    assert not one.renew(first)
    one.give_up(first)  # of an epoch that is over: changes nothing
    assert other.look().lives


def test_who_gives_up_is_followed_at_once(lead: MakeLeadership) -> None:
    one, other = lead("http://one"), lead("http://other")
    epoch = one.take()
    assert epoch is not None
    one.give_up(epoch)
    assert other.take() == epoch + 1


def test_a_server_of_an_older_version_does_not_decide_over_newer_tables(
    store: Store, lead: MakeLeadership
) -> None:
    with store.begin() as tx:
        tx.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    assert lead("http://one").take() is None


def test_what_a_server_writes_after_its_time_is_not_written(
    store: Store, job: Job, lead: MakeLeadership, lapse: Callable[[], None]
) -> None:
    one, other = lead("http://one"), lead("http://other")
    epoch = one.take()
    assert epoch is not None
    led = store.led(epoch, lambda: None)
    with led.begin() as tx:
        events.append(tx, job.id, [Event("note", "in its time")], 1.0)
    lapse()
    other.take()
    with pytest.raises(LostLeadError), led.begin() as tx:
        events.append(tx, job.id, [Event("note", "too late")], 2.0)
    with pytest.raises(LostLeadError):
        led.metrics.append(job.id, 1, 0, 0, b'{"t":1,"k":"m","step":1,"m":{"loss":1}}\n')
    with pytest.raises(LostLeadError):
        led.samples.append(job.id, 1, 0, 0, b"{}\n")
    with store.read() as tx:
        assert [one.text for one in events.after(tx, job.id)] == ["in its time"]


def test_whoever_takes_over_waits_for_what_is_being_written(
    store: Store, job: Job, lead: MakeLeadership, lapse: Callable[[], None]
) -> None:
    one, other = lead("http://one"), lead("http://other")
    epoch = one.take()
    assert epoch is not None
    lapse()
    taken: list[int | None] = []
    with store.led(epoch, lambda: None).begin() as tx:
        events.append(tx, job.id, [Event("note", "begun in its time")], 1.0)
        taking = threading.Thread(target=lambda: taken.append(other.take()))
        taking.start()
        taking.join(0.2)
        assert taking.is_alive()
        # Its lease may be renewed meanwhile, and others of its transactions go on.
        with store.led(epoch, lambda: None).begin() as second:
            events.append(second, job.id, [Event("note", "and another one")], 1.0)
    taking.join(10)
    assert taken == [epoch + 1]
    with store.read() as tx:
        assert len(events.after(tx, job.id)) == 2


def test_a_renewal_does_not_wait_for_what_is_being_written(
    store: Store, lead: MakeLeadership
) -> None:
    one = lead("http://one")
    epoch = one.take()
    assert epoch is not None
    with store.led(epoch, lambda: None).begin():
        assert one.renew(epoch)


def test_a_paused_server_holds_its_locks_for_ten_seconds_at_most(store: Store) -> None:
    with store.read() as tx:
        found = tx.scalar(text("SHOW idle_in_transaction_session_timeout"))
    assert found == "10s"


def test_a_transaction_that_the_database_breaks_off_is_told_to_who_decides(
    store: Store, job: Job, lead: MakeLeadership
) -> None:
    epoch = lead("http://one").take()
    assert epoch is not None
    broken: list[bool] = []
    led = store.led(epoch, lambda: broken.append(True))

    def write_and_be_cut() -> None:
        with led.begin() as tx:
            events.append(tx, job.id, [Event("note", "half")], 1.0)
            tx.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    with pytest.raises(DatabaseAwayError, match="does not answer"):
        write_and_be_cut()
    assert broken == [True]
    with led.begin() as tx:  # over another connection
        assert events.after(tx, job.id) == []


def test_a_database_that_is_away_is_told_in_words_without_its_password(tmp_path: Path) -> None:
    url = "postgresql://ada:hush@127.0.0.1:9/jobs"
    database = Database(dialect.postgresql_engine(url), tmp_path)
    with pytest.raises(DatabaseAwayError) as caught, database.read():
        pass
    assert "ada:***@127.0.0.1:9/jobs" in str(caught.value)
    assert "hush" not in str(caught.value)
    database.close()


def test_a_restart_of_the_database_between_two_transactions_is_not_noticed(
    tmp_path: Path, make_job: Callable[..., Job]
) -> None:
    with OwnPostgreSQL() as server:
        opened = open_store(tmp_path, server.create("restarted"))
        with opened.begin() as tx:
            jobs.insert(tx, make_job(), None)
        server.stop()
        with pytest.raises(DatabaseAwayError), opened.read():
            pass
        server.start()
        with opened.read() as tx:
            assert jobs.get(tx, "digits-k3m9ap") == make_job()
        opened.close()


def test_servers_that_begin_at_once_on_a_new_database_are_one(
    postgresql: OwnPostgreSQL, tmp_path: Path
) -> None:
    url = postgresql.create("begun_at_once")
    found: list[str] = []
    lock = threading.Barrier(4)

    def begin(number: int) -> None:
        lock.wait()
        opened = open_store(tmp_path / str(number), url)
        found.append(opened.server_id)
        opened.close()

    threads = [threading.Thread(target=begin, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(found)) == 1
