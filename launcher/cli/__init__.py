"""The command line: one file a command, `_main` is the border around them.

An imported command becomes an attribute of this package, and some are named like builtins (`list`),
so nothing else lives in this file.
"""

from __future__ import annotations


def main() -> None:
    from launcher.cli._main import main as enter

    enter()
