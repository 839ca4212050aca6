"""Splits the line of a program into words, as a shell would where no shell reads it."""

from __future__ import annotations

import re
import shlex

from launcher.spec.values import WrongValueError

_QUOTED = re.compile(r"'[^']*'|\\.|\"((?:\\.|[^\"\\])*)\"")
_ESCAPED = re.compile(r"\\.")
_EXPANSION = re.compile(r"\$[A-Za-z_{(]\w*\}?|`")
_OPERATOR = re.compile(
    r"(?<!\S)(?:&&?|\|\|?|;|\d?>>?(?:&\d)?|<)(?!\S)|;(?=\s|$)|(?<!\S)~(?=/|\s|$)|\*"
)


def split_line(line: str) -> list[str]:
    """The words of a line.

    Raises:
        WrongValueError: a quote stays open, or a word means something only to a shell and would
            reach the program as it stands.
    """
    joined = line.replace("\\\n", " ")
    _refuse_shell_words(joined)
    try:
        return shlex.split(joined)
    except ValueError:
        raise WrongValueError("a quote in it is opened and never closed: {value}") from None


def _refuse_shell_words(line: str) -> None:
    # A shell expands what stands between double quotes too.
    found = _EXPANSION.search(_QUOTED.sub(_in_double_quotes, line)) or _OPERATOR.search(
        _QUOTED.sub("q", line)
    )
    if found:
        word = found.group()
        instead = {"*": "write the names", "~": "write the path", "$": "write its value"}
        raise WrongValueError(
            f"no shell reads this line, so {word} would reach the program as it stands; "
            f"{instead.get(word[0], 'remove it')}, put it in single quotes if it is meant so, "
            "or use framework: command"
        )


def _in_double_quotes(quoted: re.Match[str]) -> str:
    return _ESCAPED.sub("q", quoted[1] or "q")
