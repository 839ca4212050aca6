"""What several threads ask for at once is one round, or fails alone."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from launcher.store.rounds import Rounds


def in_threads(rounds: Rounds[int, int], asked: Sequence[Sequence[int]]) -> list[object]:
    found: list[object] = [None] * len(asked)

    def ask(place: int) -> None:
        try:
            found[place] = rounds.ask(asked[place])
        except ValueError as error:
            found[place] = str(error)

    threads = [threading.Thread(target=ask, args=(place,)) for place in range(len(asked))]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    return found


class Carrier:
    """Doubles numbers; refuses 13. The first round waits until `go` is set."""

    def __init__(self) -> None:
        self.begun, self.go = threading.Event(), threading.Event()
        self.rounds: list[list[int]] = []

    def __call__(self, wishes: Sequence[int]) -> list[int]:
        self.rounds.append(list(wishes))
        if len(self.rounds) == 1:
            self.begun.set()
            assert self.go.wait(5)
        if 13 in wishes:
            raise ValueError("13")
        return [2 * wish for wish in wishes]


@pytest.fixture
def busy() -> tuple[Carrier, Rounds[int, int], threading.Thread]:
    """A first round is under way."""
    carrier = Carrier()
    rounds = Rounds(carrier, threading.Lock(), at_once=2)
    first = threading.Thread(target=lambda: rounds.ask([0]))
    first.start()
    assert carrier.begun.wait(5)
    return carrier, rounds, first


def queued(rounds: Rounds[int, int], carrier: Carrier, asked: Sequence[Sequence[int]]) -> object:
    """Ask all while the first round is under way, then let it end."""

    def let_go() -> None:
        while len(rounds._asked) < len(asked):
            pass
        carrier.go.set()

    waiting = threading.Thread(target=let_go)
    waiting.start()
    found = in_threads(rounds, asked)
    waiting.join()
    return found


def test_who_comes_during_a_round_goes_with_the_next_one(busy) -> None:
    carrier, rounds, first = busy
    assert queued(rounds, carrier, [[1, 2], [3]]) == [[2, 4], [6]]
    first.join()
    assert [len(one) for one in carrier.rounds] == [1, 3]


def test_a_round_has_a_bounded_number_of_callers(busy) -> None:
    carrier, rounds, first = busy
    assert queued(rounds, carrier, [[1], [2], [3]]) == [[2], [4], [6]]
    first.join()
    assert [len(one) for one in carrier.rounds] == [1, 2, 1]


def test_an_error_is_of_its_own_caller(busy) -> None:
    carrier, rounds, first = busy
    assert queued(rounds, carrier, [[1], [13]]) == [[2], "13"]
    first.join()
