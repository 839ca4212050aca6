"""The table of all commands. `launcher --help` prints it and imports none of them."""

from __future__ import annotations

import importlib

import click

from launcher import __version__
from launcher.cli._usage import did_you_mean

TABLE: dict[str, dict[str, tuple[str, str]]] = {
    "Train": {
        "run": ("run", "submit a job and follow it to its end"),
        "submit": ("submit", "queue a job and come back at once"),
        "plan": ("plan", "would it start now, where, when otherwise? nothing is started"),
        "cancel": ("cancel", "end jobs: they may save first, --now does not wait"),
        "hold": ("hold", "keep waiting jobs from being started"),
        "release": ("release", "let held jobs wait for their turn again"),
        "priority": ("priority", "let jobs stand further ahead in the queue, or further back"),
        "limit": ("limit", "how many jobs of an array may run at once"),
        "retry": ("retry", "queue an ended job again, from its newest checkpoint"),
        "clone": ("clone", "queue the same job once more, --set changes keys"),
        "declare-lost": ("declare_lost", "your word that a silent job's processes are dead"),
    },
    "Watch": {
        "open": ("open", "the pages of jobs and clusters, in a browser"),
        "top": ("top", "nodes and who holds them, and the queue"),
        "list": ("list", "jobs, newest first"),
        "show": ("show", "everything about a job"),
        "why": ("why", "why a job waits, in one sentence"),
        "logs": ("logs", "what a job printed; -f goes on as it prints"),
        "exec": ("exec", "run a command or a shell beside a rank"),
        "metrics": ("metrics", "curves of a job, also as CSV"),
        "plot": ("plot", "draw curves of jobs, here or into a picture"),
        "compare": ("compare", "jobs side by side, and their curves in one chart"),
        "tensorboard": ("tensorboard", "curves of jobs in TensorBoard, while they grow"),
        "events": ("events", "what happened to a job, and when"),
        "checkpoints": ("checkpoints", "list checkpoints, or get one here"),
        "outputs": ("outputs", "list the files that a job left, or get them here"),
        "archive": ("archive", "write all of a job into a plain folder"),
        "rm": ("rm", "remove ended jobs with all that is kept of them"),
        "prune": ("prune", "remove the jobs that ended long ago"),
        "retention": ("retention", "how long logs, metrics, checkpoints and jobs are kept"),
        "quota": ("quota", "what projects may hold, hold now and held before"),
    },
    "Write a spec": {
        "init": ("init", "write a job.yaml to begin with"),
        "validate": ("validate", "check a spec: every mistake at once, nothing is submitted"),
        "schema": ("schema", "JSON schema of the spec, for editors"),
        "notify": ("notify", "try out who is told of jobs, as Slack"),
        "secret": ("secret", "values that programs get and nobody sees: set, list, rm"),
    },
    "Share a server": {
        "login": ("login", "speak to a server by a token of your own"),
        "logout": ("logout", "forget the token of the server in use"),
        "whoami": ("whoami", "who the server takes you for, and what you may do"),
        "token": ("token", "tokens of people, programs and executors: create, list, revoke"),
        "project": ("project", "who may do what in a project, and which clusters it may use"),
        "user": ("user", "who may come in: add, list, set, disable, enable"),
        "audit": ("audit", "who changed what, and when"),
    },
    "Processes": {
        "attach": ("attach", "use a running Ray cluster, or Kubernetes: attach kubernetes"),
        "detach": ("detach", "leave an attached cluster"),
        "k8s": ("k8s", "the RayJob that a spec becomes on Kubernetes: render"),
        "drain": ("drain", "leave a node: what runs there saves, and goes on elsewhere"),
        "undrain": ("undrain", "use a drained node again"),
        "context": ("context", "which server commands speak to: list, use, add, remove"),
        "up": ("up", "start the server and Ray on this machine"),
        "down": ("down", "stop them; --purge forgets all jobs too"),
        "server": ("server", "run a server in the foreground"),
        "executor": ("executor", "run jobs of a server on a Ray cluster"),
        "backup": ("backup", "copy all that a server keeps, while it runs"),
        "restore": ("restore", "make the state of a server out of a backup"),
        "doctor": ("doctor", "check this machine, the server and its clusters"),
        "completion": ("completion", "complete commands and jobs in bash, zsh or fish"),
        "version": ("version", "versions of this client and of the server"),
    },
}
"""Heading -> command -> (module in this folder, help line)."""

ALIASES = {"ls": "list", "ps": "list", "stop": "cancel"}
_HABITS = {
    **dict.fromkeys(("jobs", "queue", "squeue", "sacct"), "list"),
    **dict.fromkeys(("status", "describe", "get", "scontrol"), "show"),
    **dict.fromkeys(("kill", "scancel", "abort"), "cancel"),
    **dict.fromkeys(("delete", "remove"), "rm"),
    **dict.fromkeys(("sbatch", "job", "create"), "submit"),
    **dict.fromkeys(("launch", "srun", "torchrun", "train"), "run"),
    **dict.fromkeys(("dry-run", "dryrun", "estimate"), "plan"),
    **dict.fromkeys(("sinfo", "nodes", "gpus", "clusters"), "top"),
    **dict.fromkeys(("resume", "requeue", "restart", "rerun"), "retry"),
    **dict.fromkeys(("suspend", "pause"), "hold"),
    **dict.fromkeys(("cordon", "evict"), "drain"),
    "uncordon": "undrain",
    **dict.fromkeys(("unhold", "unpause"), "release"),
    **dict.fromkeys(("log", "tail"), "logs"),
    **dict.fromkeys(("config", "contexts"), "context"),
    **dict.fromkeys(("nice", "renice", "prio"), "priority"),
    **dict.fromkeys(("sshare", "quotas"), "quota"),
    **dict.fromkeys(("projects", "sacctmgr", "roles"), "project"),
    **dict.fromkeys(("users", "account", "accounts"), "user"),
    **dict.fromkeys(("tokens", "apikey"), "token"),
    **dict.fromkeys(("auth", "signin"), "login"),
    **dict.fromkeys(("ssh", "shell"), "exec"),
    **dict.fromkeys(("download", "fetch"), "outputs"),
    **dict.fromkeys(("ui", "web", "dashboard", "browse"), "open"),
    **dict.fromkeys(("start", "serve"), "up"),
    **dict.fromkeys(("chart", "graph", "curves"), "plot"),
}
"""What users of other tools type, and what does it here."""
_KNOWN = {name: entry for commands in TABLE.values() for name, entry in commands.items()}


class LazyGroup(click.Group):
    """Imports a command's module when that command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return list(_KNOWN)

    def get_command(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        cmd_name: str,
    ) -> click.Command | None:
        entry = _KNOWN.get(ALIASES.get(cmd_name, cmd_name))
        if entry is None:
            return None
        command: click.Command = importlib.import_module(f"launcher.cli.{entry[0]}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        word = args[0]
        if not word.startswith("-") and word not in _KNOWN and word not in ALIASES:
            near = did_you_mean(word, [*_KNOWN, *ALIASES])
            if word in _HABITS:
                near = f"; did you mean {_HABITS[word]}"
            if word.endswith((".yaml", ".yml", ".py")):
                near = f"; did you mean: launcher run {word}"
            raise click.UsageError(f"no such command '{word}'{near}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002 - click's signature
        formatter: click.HelpFormatter,
    ) -> None:
        width = max(map(len, _KNOWN))
        for heading, commands in TABLE.items():
            with formatter.section(heading):
                formatter.write_dl(
                    [(name.ljust(width), text) for name, (_, text) in commands.items()]
                )


_HELP = """Queue, launch, watch and resume distributed training on Ray clusters.

\b
  launcher run job.yaml
  launcher run --workers 2 -- train.py --epochs 5
"""
_EPILOG = """\b
JOB is an id, any unique beginning of it, or `last`: your newest job.
LAUNCHER_SERVER and LAUNCHER_TOKEN name another server than your own here.
--debug (or LAUNCHER_DEBUG=1) shows the traceback of an error.
"""


@click.group(
    cls=LazyGroup,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    help=_HELP,
    epilog=_EPILOG,
)
@click.version_option(__version__, prog_name="launcher", message="%(prog)s %(version)s")
def launcher() -> None:
    pass
