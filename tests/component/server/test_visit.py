"""A visit in the server's memory, and who ends it by leaving. No server runs."""

import pytest

from launcher.model.visit import AWAY_S, VisitEnd, VisitOrder
from launcher.model.visited import Place
from launcher.server.visit import SETTLE_S, TAKE_S, Visit

PLACE = Place("digits-abcdef", 1, "digits-abcdef.1", 0, "10.0.0.0:71", "node-0", 0)
NOW = 50.0


@pytest.fixture
def visit():
    return Visit(PLACE, VisitOrder("v1", 1, 0, ("true",)), NOW)


def test_an_agent_that_knows_no_visits_is_told_in_words(visit):
    visit.judge(NOW + TAKE_S)
    assert visit.end is None
    visit.judge(NOW + TAKE_S + 1)
    assert visit.end.code is None
    assert "the agent of node 0 did not take it within 10 s" in visit.end.reason


def test_an_agent_that_falls_silent_ends_it_in_words(visit):
    visit.is_taken = True
    visit.agent.come()
    visit.judge(NOW + 100)
    assert visit.end is None
    visit.agent.go(NOW + 100)
    visit.judge(NOW + 100 + AWAY_S + 1)
    assert "was not heard" in visit.end.reason


def test_a_user_who_was_away_for_too_long_is_not_waited_for(visit):
    visit.is_taken = True
    visit.agent.come()
    visit.user.come()
    visit.judge(NOW + 100)
    assert not visit.order.end
    visit.user.go(NOW + 100)
    visit.judge(NOW + 100 + AWAY_S)
    assert not visit.order.end
    visit.judge(NOW + 100 + AWAY_S + 1)
    assert visit.order.end
    assert not visit.is_forgotten(NOW + 112)  # its agent must end it first
    visit.finish(VisitEnd(None, "its user has left"))
    assert visit.is_forgotten(NOW + 112)


def test_the_agents_own_word_is_awaited_when_the_attempt_is_over(visit):
    visit.is_taken = True
    visit.agent.come()
    visit.attempt_is_over("attempt 1 is over", NOW)
    visit.judge(NOW + SETTLE_S)
    assert visit.end is None
    visit.finish(VisitEnd(0))
    visit.judge(NOW + SETTLE_S + 1)
    assert visit.end == VisitEnd(0)


def test_an_attempt_that_is_over_is_told_when_no_agent_says_so(visit):
    visit.is_taken = True
    visit.agent.come()
    visit.attempt_is_over("attempt 1 is over", NOW)
    visit.judge(NOW + SETTLE_S + 1)
    assert visit.end == VisitEnd(None, "attempt 1 is over")


def test_an_end_is_kept_until_its_user_had_time_to_hear_it(visit):
    visit.finish(VisitEnd(0))
    assert not visit.is_forgotten(NOW + AWAY_S)
    assert visit.is_forgotten(NOW + AWAY_S + 1)
