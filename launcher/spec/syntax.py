"""The faults of YAML itself, in words for people who write a spec and not a parser."""

from __future__ import annotations

import yaml

from launcher.spec.complaints import Complaint, Place, in_file

_SYNTAX = (
    ("found another document", "a second document begins here; a file holds one job"),
    ("could not find expected ':'", "expected 'key: value' near here; is a ':' or a space missing"),
    ("expected ',' or ']'", "the list opened with [ in line {line} is not closed with ]"),
    ("expected ',' or '}'", "the mapping opened with {{ in line {line} is not closed with }}"),
    ("found unexpected end of stream", "the quote opened in line {line} is not closed"),
    ("found unexpected document separator", "the quote opened in line {line} is not closed"),
    ("found unknown escape", "an unknown escape after \\; use single quotes to keep the \\"),
    (
        "expected <block end>",
        "wrong indentation, or text behind a closing quote; align the line with its neighbours",
    ),
    (
        "sequence entries are not allowed",
        "a list item cannot begin here; put '- ' on a line of its own",
    ),
)


def syntax_complaint(error: yaml.MarkedYAMLError, text: str, origin: Place) -> Complaint:
    """The complaint about a text that is no YAML.

    Args:
        error: what PyYAML says.
        text: the text that it read.
        origin: the file, or the flag that holds the text.
    """
    problem = error.problem or "cannot be read"
    mark = error.problem_mark
    opened = error.context_mark.line + 1 if error.context_mark else 0
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    words = next((ours for theirs, ours in _SYNTAX if theirs in problem), None)
    if words is not None:
        words = words.format(line=opened)
    elif "cannot start any token" in problem:
        words = _bad_start(text, line, column)
    elif "mapping values are not allowed" in problem:
        words = _stray_colon(text, line, column)
    elif type(error) is yaml.MarkedYAMLError:
        words = problem
    else:
        words = f"not valid YAML: {problem}"
    place = origin if origin.flag else in_file(origin.source, line, column)
    return Complaint(place, "", words)


def _stray_colon(text: str, line: int, column: int) -> str:
    if ": " in text.splitlines()[line - 1][: column - 1]:
        return "a second ': ' in one line; quote the value if ': ' is part of it"
    return "wrong indentation, or the line before lacks its ':'"


def _bad_start(text: str, line: int, column: int) -> str:
    letter = text.splitlines()[line - 1][column - 1]
    if letter == "\t":
        return "a tab, which YAML does not allow here; indent with spaces"
    return f"a value cannot begin with {letter}; quote it"
