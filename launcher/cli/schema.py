"""`launcher schema`: JSON schema of the spec."""

from __future__ import annotations

import click

from launcher.cli import _output


@click.command()
def command() -> None:
    """JSON schema of the job spec, for editors.

    In VS Code, after `launcher schema > job.schema.json`, begin job.yaml with the line
    `# yaml-language-server: $schema=job.schema.json`.
    """
    from launcher.spec.schema import json_schema

    _output.print_json(json_schema())
