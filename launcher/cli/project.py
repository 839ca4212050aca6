"""`launcher project`: who may do what in a project, and where its jobs may run."""

from __future__ import annotations

from collections.abc import Sequence

import click

from launcher.cli import _output
from launcher.cli._kept import EVERY, ROLES, NameOrAll
from launcher.cli._options import connect, output_option
from launcher.views import as_json
from launcher.views_users import AccessView, ClusterRuleView

_project = click.argument("project", type=NameOrAll())
_clusters = click.argument(
    "clusters", metavar="CLUSTER...", nargs=-1, required=True, type=NameOrAll()
)


@click.group("project")
def command() -> None:
    """Projects: who may do what in them, and which clusters they may use.

    A project is there as soon as a job, a role or a quota names it. '*' is every project, and every
    cluster. What projects may hold at once is told by `launcher quota`.
    """


@command.command("list")
@output_option()
def list_(output: str) -> None:
    """Projects that you may look at, with their jobs and their roles."""
    client = connect()
    own = {one.name: one for one in client.projects()}
    who = client.whoami()
    names = sorted({*own, *(name for name in who.roles if name != EVERY)})
    everywhere = "admin" if who.is_admin else who.roles.get(EVERY, "")
    found = [
        {
            "name": name,
            "role": max(everywhere, who.roles.get(name, ""), key=["", *ROLES].index),
            "running": (own[name].now.running or 0) if name in own else 0,
            "queued": (own[name].now.queued or 0) if name in own else 0,
        }
        for name in names
    ]
    if output == "json":
        _output.print_json(found)
        return
    if not found:
        _output.note("there are no projects yet; a job names its own: project: NAME")
        return
    rows = [[str(one[key]) for key in ("name", "role", "running", "queued")] for one in found]
    _output.print_table(["PROJECT", "YOUR ROLE", "RUNNING", "QUEUED"], rows)


@command.command()
@_project
@output_option()
def show(project: str, output: str) -> None:
    """Who has a role in it, and where its jobs may run."""
    found = connect().access(project)
    if output == "json":
        _output.print_json(as_json(found))
    else:
        _print(found)


@command.command(epilog="\b\n  launcher project grant vision ada member")
@_project
@click.argument("user")
@click.argument("role", type=click.Choice(ROLES))
def grant(project: str, user: str, role: str) -> None:
    """Give a user a role: viewers look, members also change jobs, admins also give roles.

    It takes the place of the one that they have there.
    """
    _print(connect().grant(project, user, role))


@command.command()
@_project
@click.argument("user")
def revoke(project: str, user: str) -> None:
    """Take a user's role in it away. Their jobs run on."""
    _print(connect().ungrant(project, user))


@command.command(
    epilog="\b\n  launcher project deny '*' gpu; launcher project allow vision gpu\n"
    "      lets vision alone use cluster gpu"
)
@_project
@_clusters
def allow(project: str, clusters: tuple[str, ...]) -> None:
    """Let a project use clusters. Without a rule it may use all."""
    _rule(project, clusters, allowed=True)


@command.command(
    epilog="\b\n  launcher project deny interns '*'; launcher project allow interns lab\n"
    "      lets interns use cluster lab alone"
)
@_project
@_clusters
def deny(project: str, clusters: tuple[str, ...]) -> None:
    """Keep a project off clusters. What runs there goes on; nothing new is placed."""
    _rule(project, clusters, allowed=False)


@command.command()
@_project
@_clusters
def reset(project: str, clusters: tuple[str, ...]) -> None:
    """Say nothing of a project and clusters any more: what is said of all counts."""
    _rule(project, clusters, allowed=None)


def _rule(project: str, clusters: Sequence[str], *, allowed: bool | None) -> None:
    client = connect()
    for cluster in clusters:
        found = client.rule_cluster(project, cluster, allowed=allowed)
    _print(found)


def _print(found: AccessView) -> None:
    name = "all projects" if found.project == EVERY else found.project
    print(f"{name}  clusters: {found.clusters}")
    for rule in found.rules:
        print(f"  {_words(rule)}")
    if found.members:
        _output.print_table(["USER", "ROLE"], [[one.user, one.role] for one in found.members])
    else:
        _output.note(f"nobody has a role in {name} alone; admins of the server may do all")


def _words(rule: ClusterRuleView) -> str:
    """As `no project may use cluster gpu`."""
    is_of_all = rule.cluster == EVERY
    if rule.project == EVERY:
        whose = "every project" if rule.allowed else "no project"
        all_of_them = "every cluster" if rule.allowed else "any cluster"
        return f"{whose} may use {all_of_them if is_of_all else f'cluster {rule.cluster}'}"
    if is_of_all:
        return f"{rule.project} may use {'every' if rule.allowed else 'no'} cluster"
    return f"{rule.project} {'may' if rule.allowed else 'may not'} use cluster {rule.cluster}"
