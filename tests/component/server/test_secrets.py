"""Secrets as people keep them and agents get them: sealed, scoped, never shown."""

import json
from dataclasses import replace

import pytest
from in_process import with_query
from sqlalchemy import update

from launcher.server.sealing import FILE, KEYS, CannotOpenError, Sealer
from launcher.store import secret as stored_secrets
from launcher.store import tables

VALUE = "s3cr3t-value"


@pytest.fixture
def keep(server):
    """Keeps a secret; gives the answer."""

    def keep(name="API_KEY", value=VALUE, **query):
        path = with_query(f"/secrets/{name}", user="ada", **query)
        return server.ask("PUT", path, body=value if isinstance(value, bytes) else value.encode())

    return keep


def test_a_secret_is_listed_without_its_value(server, keep):
    assert keep().status == 201
    assert keep(value="another").status == 200
    listed = server.get("/secrets")["secrets"]
    assert listed == [{"name": "API_KEY", "project": "", "user": "ada", "set_at": 1_700_000_000.0}]


def test_the_database_holds_no_value(server, keep):
    keep()
    with server.store.read() as tx:
        (one,) = stored_secrets.list_(tx)
    assert VALUE.encode() not in one.sealed
    assert (server.services.settings.state_dir / FILE).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("api-key", VALUE, "'api-key' is not the name of an environment variable"),
        ("RANK", VALUE, "'RANK' is set by the launcher for every worker"),
        ("LAUNCHER_X", VALUE, "'LAUNCHER_X' is set by the launcher"),
        ("A" * 200, VALUE, "is longer than 128 characters"),
        ("API_KEY", "", "the value of 'API_KEY' is empty"),
        ("API_KEY", b"s3cr\0t", "the value of 'API_KEY' holds a NUL character"),
        ("API_KEY", b"s3cr\xfft", "the value of 'API_KEY' is not UTF-8"),
        ("API_KEY", b"s3cr" * 20_000, "the value of 'API_KEY' has more than 65,536 bytes"),
    ],
)
def test_what_no_program_could_get_is_refused_without_repeating_it(
    server, keep, name, value, words
):
    reply = keep(name, value)
    assert reply.status == 422
    assert words in reply.error
    assert "s3cr" not in reply.text
    assert server.get("/secrets")["secrets"] == []


def test_a_project_is_a_name(keep):
    assert keep(project="my project").error == (
        "'my project' is not the name of a project: small letters, digits and '-'"
    )


def test_a_submit_that_names_what_is_not_there_is_refused(server, keep):
    keep()
    keep("VISION_KEY", project="vision")
    reply = server.submit(secrets=["API_KAY", "VISION_KEY"], notify={"url_secret": "SLACK"})
    assert (reply.status, reply.error.splitlines()) == (
        422,
        [
            "secrets: no secret 'API_KAY' for project 'default'; did you mean API_KEY",
            "notify.url_secret: no secret 'SLACK' for project 'default'",
            "secrets: no secret 'VISION_KEY' for project 'default'",
        ],
    )
    assert "launcher secret set API_KAY" in reply.json()["hint"]
    assert server.submit(secrets=["API_KEY", "VISION_KEY"], project="vision").status == 201


def test_a_job_shows_names_alone(server, keep):
    keep()
    job = server.new_job(secrets={"WANDB_API_KEY": "API_KEY"})
    shown = server.ask("GET", f"/jobs/{job}")
    assert shown.json()["spec"]["secrets"] == {"WANDB_API_KEY": "API_KEY"}
    assert VALUE not in shown.text


def test_who_forgets_a_secret_is_told_which_jobs_lack_it(server, keep):
    keep()
    keep(project="vision")
    job = server.new_job(secrets=["API_KEY"])
    other = server.new_job(secrets=["API_KEY"], project="vision")
    reply = server.ask("DELETE", "/secrets/API_KEY?project=vision")
    assert (reply.status, reply.json()) == (200, {"jobs": []})
    assert sorted(server.ask("DELETE", "/secrets/API_KEY").json()["jobs"]) == sorted([job, other])


def test_a_secret_that_is_not_there_is_not_forgotten(server, keep):
    keep(project="vision")
    reply = server.ask("DELETE", "/secrets/API_KEY")
    assert (reply.status, reply.error) == (
        404,
        "no secret 'API_KEY' of all projects; there is one of project 'vision'",
    )
    assert "did you mean API_KEY" in server.ask("DELETE", "/secrets/API_KEI").error


def test_secrets_are_for_users_alone(server, agent):
    for method, path in (("GET", "/secrets"), ("PUT", "/secrets/A"), ("DELETE", "/secrets/A")):
        assert server.ask(method, path, token=agent.token).status == 401


@pytest.fixture
def with_secrets(server, job):
    """The granted job, as if its spec named these."""

    def name(secrets):
        with server.store.begin() as tx:
            stored = server.control.get(tx, job)
            spec = stored.spec | {"secrets": secrets}
            tx.execute(update(tables.jobs).where(tables.jobs.c.id == job).values(spec=spec))

    return name


def setup(agent):
    reply = agent.ask("GET", f"/setup/{agent.status['allocation']}")
    assert reply.status == 200
    return reply.json()


def test_an_agent_gets_the_values_as_they_are_now(agent, keep, with_secrets):
    keep()
    with_secrets({"WANDB_API_KEY": "API_KEY"})
    assert setup(agent)["secrets"] == {"WANDB_API_KEY": VALUE}
    keep(value="a newer one")
    keep(value="not of this project", project="vision")
    got = setup(agent)
    assert got["secrets"] == {"WANDB_API_KEY": "a newer one"}
    assert got["fault"] == ""


def test_a_secret_of_the_project_goes_before_one_of_all(agent, keep, with_secrets):
    keep()
    keep(value="of the project", project="default")
    with_secrets({"API_KEY": "API_KEY"})
    assert setup(agent)["secrets"] == {"API_KEY": "of the project"}


def test_what_a_node_keeps_is_opened_for_its_own_job_alone(server, agent, keep, with_secrets):
    keep()
    with_secrets({"API_KEY": "API_KEY"})
    sealed = setup(agent)["sealed"]
    assert VALUE not in sealed
    keep(value="a newer one")
    kept = {"sealed": {"digits-abcdef.1": sealed}}
    assert agent.ask("POST", "/sealed", data=kept).json() == {"values": [VALUE]}
    stranger = server.control.job_token(server.new_job())
    reply = server.ask("POST", "/agent/sealed", token=stranger, data=kept)
    assert reply.status == 409
    assert VALUE not in reply.text


def test_an_agent_whose_secret_is_gone_is_told_so(agent, job, with_secrets):
    with_secrets({"API_KEY": "GONE"})
    got = setup(agent)
    assert got["secrets"] == {}
    assert got["fault"] == (
        "secrets: GONE: removed since the job was submitted; launcher secret set GONE, "
        f"then launcher retry {job}"
    )


def test_a_job_that_is_over_gives_no_secret_away(server, agent, job, keep, with_secrets):
    keep()
    with_secrets({"API_KEY": "API_KEY"})
    server.order("cancel", job)
    assert setup(agent)["secrets"] == {}


def test_a_lost_key_is_told_in_words(server, agent, keep, with_secrets):
    keep()
    with_secrets({"API_KEY": "API_KEY"})
    key = server.services.settings.state_dir / FILE
    server.services.secrets._sealer = Sealer(key.parent, {})
    key.unlink()
    fault = setup(agent)["fault"]
    assert f"need {key}, which is gone" in fault
    assert "launcher secret set" in fault
    keep("OTHER")  # makes another key
    assert "was encrypted with another key" in setup(agent)["fault"]
    assert server.ask("POST", "/secrets/renew-key").status == 409


def test_a_new_key_seals_everything_anew(server, agent, keep, with_secrets):
    keep()
    with_secrets({"API_KEY": "API_KEY"})
    key = server.services.settings.state_dir / FILE
    before, sealed = key.read_text(), setup(agent)["sealed"]
    for _ in range(2):
        reply = server.ask("POST", "/secrets/renew-key")
        assert reply.json() == {"secrets": 1}
    assert before not in key.read_text()
    assert len(key.read_text().split()) == 2
    assert setup(agent)["secrets"] == {"API_KEY": VALUE}
    assert agent.ask("POST", "/sealed", data={"sealed": {"a.1": sealed}}).status == 409


def test_keys_of_the_environment_are_read_and_never_written(tmp_path):
    keys = ["Bk6bVXcsbAeAxn0aXf2yLHB0m1nQ4lyrxEvWxLdnsZk=", "pEq" + "A" * 40 + "="]
    old = Sealer(tmp_path, {KEYS: keys[0]}).seal({"a": 1})
    both = Sealer(tmp_path, {KEYS: f"{keys[1]},{keys[0]}"})
    assert both.open(old, "it") == {"a": 1}
    with pytest.raises(CannotOpenError, match="it was encrypted with another key than that of LA"):
        Sealer(tmp_path, {KEYS: keys[1]}).open(old, "it")
    with pytest.raises(CannotOpenError, match="holds what is no key"):
        Sealer(tmp_path, {KEYS: "hunter2"}).seal({})
    assert list(tmp_path.iterdir()) == []
    assert "hunter2" not in str(json.dumps(str(both.where)))


def test_a_value_that_was_moved_to_another_name_is_not_given_out(server, keep):
    keep()
    with server.store.begin() as tx:
        (one,) = stored_secrets.list_(tx)
        stored_secrets.put(tx, replace(one, name="OTHER"))
    with pytest.raises(CannotOpenError, match="is another one's"):
        server.services.secrets.value("default", "OTHER")
