"""Mistakes on the command line, in our words instead of click's."""

from __future__ import annotations

from collections.abc import Iterable

import click


def usage_words(error: object) -> tuple[str, str | None]:
    """Message and hint for what click complains about."""
    if not isinstance(error, click.ClickException):
        return str(error), None
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "launcher"
    hint = f"{path} --help tells what it takes"
    if isinstance(error, click.NoSuchOption):
        return f"no such option {error.option_name}{_near_option(error)}", _past_options(path, hint)
    if isinstance(error, click.MissingParameter) and error.param is not None:
        name = error.param.make_metavar(context) if context else error.param.name
        return f"{path}: {name} is missing", hint
    return _lower(error.format_message()), hint


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The end of a complaint: empty when nothing known is near."""
    import difflib  # only for those who mistyped

    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean {near[0]}" if near else ""


def _near_option(error: click.NoSuchOption) -> str:
    known: list[str] = []
    if error.ctx is not None:
        known = [name for param in error.ctx.command.params for name in param.opts]
    return did_you_mean(error.option_name, known)


def _past_options(path: str, hint: str) -> str:
    """`launcher run train.py --epochs 5` lacks the `--` that ends our own options."""
    if path in {"launcher run", "launcher submit"}:
        return f"{hint}; options of your program go behind --: {path} -- train.py --epochs 5"
    return hint


def _lower(text: str) -> str:
    return (text[:1].lower() + text[1:]).rstrip(".")
