"""A job's life to scale."""

from launcher.server.timeline import Commit, Moment, life, lost_work, ticks, timeline
from launcher.views import AttemptView, JobView


def attempt(number, granted, started, ended=None, **more):
    return AttemptView(number, number, granted, started, ended, **more)


def job(*attempts, state="SUCCEEDED", ended=None, submitted=0.0):
    return JobView("a-1", "a", state, submitted_at=submitted, ended_at=ended, attempts=attempts)


def pieces(job, moments=(), now=1000.0):
    return [(one.phase, one.start, one.end) for one in life(job, moments, now)]


def test_a_job_waits_starts_and_trains():
    done = job(attempt(1, 10, 12, 50, ending="FINISHED"), ended=50)
    assert pieces(done) == [("queued", 0, 10), ("starting", 10, 12), ("training", 12, 50)]


def test_setting_up_ends_when_the_environment_is_in_place():
    told = [Moment(11, "set-up", "", 1)]
    assert pieces(job(attempt(1, 10, 12, 50), ended=50), told)[1:3] == [
        ("setup", 10, 11),
        ("starting", 11, 12),
    ]


def test_what_an_attempt_does_after_it_was_told_to_stop_is_no_training():
    told = [Moment(45, "stopping", "", 1)]
    assert pieces(job(attempt(1, 10, 12, 50), ended=50), told)[-2:] == [
        ("training", 12, 45),
        ("stopping", 45, 50),
    ]


def test_an_attempt_that_never_started_only_starts():
    assert pieces(job(attempt(1, 10, None, 20), state="FAILED", ended=20))[-1] == (
        "starting",
        10,
        20,
    )


def test_what_runs_reaches_until_now():
    assert pieces(job(attempt(1, 10, 12), state="RUNNING"), now=70)[-1] == ("training", 12, 70)


def test_who_waits_does_so_until_now_and_was_held_for_a_while():
    told = [Moment(5, "held", ""), Moment(25, "released", "")]
    assert pieces(job(state="QUEUED"), told, now=30) == [
        ("queued", 0, 5),
        ("held", 5, 25),
        ("queued", 25, 30),
    ]


def test_a_job_that_was_cancelled_in_the_queue_waited_until_its_end():
    assert pieces(job(state="CANCELLED", ended=8)) == [("queued", 0, 8)]


def test_between_its_end_and_somebodys_retry_a_job_did_nothing():
    twice = job(attempt(1, 1, 2, 10), attempt(2, 903, 904, 950), state="FAILED", ended=950)
    told = [Moment(10, "retry", "retries", 1), Moment(900, "retry", "queued again by ada")]
    assert pieces(twice, told)[3:] == [
        ("queued", 900, 903),
        ("starting", 903, 904),
        ("training", 904, 950),
    ]


def test_lost_is_what_came_after_the_checkpoint_that_the_next_attempt_began_from():
    attempts = (attempt(1, 0, 2, 50), attempt(2, 60, 62, 99, resume_step=30))
    commits = [Commit(20, 20, 1), Commit(30, 30, 1), Commit(40, 40, 1)]
    assert [(one.start, one.end) for one in lost_work(attempts, commits)] == [(30, 50)]


def test_all_is_lost_that_nothing_was_saved_of():
    attempts = (attempt(1, 0, 2, 50), attempt(2, 60, 62, 99))
    assert [(one.start, one.end) for one in lost_work(attempts, [Commit(20, 20, 1)])] == [(2, 50)]


def test_an_attempt_that_saved_nothing_itself_loses_only_its_own_time():
    attempts = (
        attempt(1, 0, 2, 50),
        attempt(2, 60, 62, 80, resume_step=30),
        attempt(3, 85, 86, 99, resume_step=30),
    )
    found = [(one.attempt, one.start, one.end) for one in lost_work(attempts, [Commit(30, 30, 1)])]
    assert found == [(1, 30, 50), (2, 62, 80)]


def test_places_are_percent_of_the_whole_and_words_tell_what_they_are():
    drawn = timeline(
        job(attempt(1, 10, 12, 50, ending="FINISHED", words="every rank exited with 0"), ended=50),
        [Moment(20, "warning", "mend <this>")],
        [Commit(30, 300, 1), Commit(40, 400, 1, kept=False)],
        now=400,
    )
    assert [(one.kind, one.left, one.width) for one in drawn.bars] == [
        ("queued", 0, 20),
        ("starting", 20, 4),
        ("training", 24, 76),
    ]
    assert drawn.bars[2].text == "attempt 1: training, 38s"
    assert [(one.kind, one.left) for one in drawn.marks] == [
        ("checkpoint", 60),
        ("checkpoint", 80),
        ("warning", 40),
        ("good", 100),
    ]
    assert drawn.marks[1].text == "checkpoint of step 400, pruned since"
    assert drawn.totals[-1] == ("training", "training", "38s")


def test_clocks_that_jump_and_no_time_at_all_draw_nothing_outside():
    for strange in (
        job(attempt(1, 10, 5, 2), ended=1),
        job(state="QUEUED", submitted=50.0),
        job(attempt(1, 900, 950, 20), attempt(2, 10, 12, 9), state="FAILED", ended=3),
    ):
        drawn = timeline(strange, [Moment(-5, "held", ""), Moment(2e9, "stopping", "", 1)], [], 1.0)
        for one in (*drawn.bars, *drawn.lost, *drawn.marks):
            assert 0 <= one.left <= 100
            assert 0 <= one.width <= 100


def test_marks_of_very_many_checkpoints_are_thinned_out():
    commits = [Commit(at, at, 1) for at in range(10_000)]
    drawn = timeline(job(attempt(1, 0, 1), state="RUNNING"), [], commits, 10_000)
    assert 200 <= len(drawn.marks) <= 400


def test_ticks_are_few_and_round():
    for whole in (0.5, 1, 7, 59, 3600, 86_400, 5_000_000):
        assert 1 <= len(ticks(0.0, whole)) <= 8
    assert ticks(0.0, 3600.0)[-1] == (83.333, "50m")
