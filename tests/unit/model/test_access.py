"""What each role may do, and which clusters a project may use."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from launcher.errors import ForbiddenError
from launcher.model.access import EVERY, ONLOOKER, OWNER, Action, Caller, Kind, Role
from launcher.model.reach import EVERYWHERE, ClusterRules

PROJECTS = st.sampled_from(["vision", "audio", "text"])
ROLES = st.dictionaries(st.one_of(PROJECTS, st.just(EVERY)), st.sampled_from(Role), max_size=4)
CALLERS = st.builds(Caller, st.just("ada"), st.just(Kind.PERSON), ROLES, st.booleans())
ACTIONS = st.sampled_from(Action)


@given(CALLERS, PROJECTS)
def test_who_may_do_more_may_do_what_is_less(caller, project):
    may = [caller.may(action, project) for action in Action]
    assert may == sorted(may, reverse=True)


@given(CALLERS, ACTIONS, PROJECTS)
def test_only_a_role_there_or_everywhere_counts(caller, action, project):
    others = {name: role for name, role in caller.roles.items() if name not in {project, EVERY}}
    left = Caller("ada", Kind.PERSON, others, caller.is_admin)
    assert left.may(action, project) == caller.is_admin


@given(CALLERS, ACTIONS, PROJECTS)
def test_what_is_expected_is_refused_exactly_where_it_may_not_be(caller, action, project):
    if caller.may(action, project):
        caller.expect(action, project)
        return
    with pytest.raises(ForbiddenError) as refused:
        caller.expect(action, project)
    assert refused.value.hint


@given(CALLERS, PROJECTS)
def test_what_a_caller_may_look_at_is_what_lies_within(caller, project):
    within = caller.within
    assert caller.may(Action.LOOK, project) == (within is None or project in within)


@given(CALLERS)
def test_the_server_is_administered_by_its_admins_alone(caller):
    assert caller.may(Action.SERVE) == caller.may(Action.SERVE, "vision") == caller.is_admin
    assert caller.may(Action.LOOK)


def test_the_owner_may_do_all_and_says_by_whose_name():
    assert all(OWNER.may(action, "vision") for action in Action)
    assert OWNER.by("grace") == "grace"
    assert OWNER.by() == "a user"
    assert OWNER.own_key("k") == "k"


def test_a_user_acts_by_their_own_name_and_has_keys_of_their_own():
    ada, eve = (Caller(name, Kind.PERSON) for name in ("ada", "eve"))
    assert ada.by("grace") == "ada"
    assert ada.own_key("k") != eve.own_key("k")
    assert ada.own_key(None) is None


def test_an_onlooker_looks_at_all_and_changes_nothing():
    assert ONLOOKER.within is None
    assert not any(ONLOOKER.may(action, "vision") for action in Action if action is not Action.LOOK)


def test_a_refusal_names_the_role_that_is_lacking_and_who_gives_it():
    viewer = Caller("ada", Kind.PERSON, {"vision": Role.VIEWER, "audio": Role.MEMBER})
    told = viewer.refusal(Action.ACT, "vision")
    assert told.message == (
        "ada is viewer of project 'vision': to change what is in it takes member"
    )
    assert told.hint.endswith("launcher project grant vision ada member")
    told = viewer.refusal(Action.ACT, "default")
    assert "has no role in project 'default'" in told.message
    assert "project: audio would do" in told.message


# --- clusters ------------------------------------------------------------------------------------

CLUSTERS = st.sampled_from(["gpu", "lab"])
RULES = st.dictionaries(
    st.tuples(st.one_of(PROJECTS, st.just(EVERY)), st.one_of(CLUSTERS, st.just(EVERY))),
    st.booleans(),
)


@given(RULES, PROJECTS, st.sampled_from(["gpu", "lab", "new"]))
def test_what_says_most_of_a_project_and_a_cluster_counts(rules, project, cluster):
    keys = [(project, cluster), (project, EVERY), (EVERY, cluster), (EVERY, EVERY)]
    expected = next((rules[key] for key in keys if key in rules), True)
    assert ClusterRules(rules).reach(project).allows(cluster) == expected


@given(RULES, PROJECTS, PROJECTS)
def test_projects_of_which_the_same_is_said_have_an_equal_reach(rules, one, other):
    alike = ClusterRules({key: said for key, said in rules.items() if key[0] == EVERY})
    assert alike.reach(one) == alike.reach(other)
    assert hash(alike.reach(one)) == hash(alike.reach(other))


def test_without_a_rule_every_cluster_may_be_used():
    assert ClusterRules({}).reach("vision") == EVERYWHERE


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ({}, "all"),
        ({("vision", "gpu"): False}, "all but gpu"),
        ({("vision", EVERY): False, ("vision", "lab"): True}, "only lab"),
        ({(EVERY, EVERY): False}, "none"),
        ({(EVERY, "gpu"): False, ("vision", "gpu"): True}, "all"),
    ],
)
def test_a_reach_is_told_in_words(rules, words):
    assert ClusterRules(rules).reach("vision").words == words
