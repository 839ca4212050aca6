"""What became of several jobs that were named together."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from launcher.cli import _output
from launcher.errors import ConflictError
from launcher.views import Outcome, as_json

_SHOWN = 20


def tell(
    outcomes: Sequence[Outcome], output: str, note: Callable[[Outcome], str] = lambda _: ""
) -> None:
    """One line a job on stdout; `note`: what to say of one on stderr beside it.

    Raises:
        ConflictError: of some nothing could be done; the others are told before.
    """
    done = [one for one in outcomes if not one.problem]
    if output == "json":
        _output.print_json(as_json(outcomes))
    else:
        for one in done:
            print(f"{one.job}  {_output.paint_state(one.state)}")
        notes = list(filter(None, map(note, done)))
        for text in notes[:_SHOWN]:
            _output.note(text)
        if notes[_SHOWN:]:
            _output.note(f"… and {len(notes) - _SHOWN} more like that")
    refused = [one for one in outcomes if one.problem]
    if refused:
        problems = [one.problem for one in refused[:_SHOWN]]
        problems += [f"… and {len(refused) - _SHOWN} more"] * bool(refused[_SHOWN:])
        raise ConflictError("\n".join(problems), hint=refused[0].hint or None)
