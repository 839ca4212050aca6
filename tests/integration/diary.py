"""What the ranks of programs/meet.py did, by their own diaries, against what the server tells."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise
from pathlib import Path

from launcher.client import Client


class Diary:
    """The folder that the ranks of one job write into."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def finish(self) -> None:
        """Let the program take its last step."""
        (self.folder / "finish").touch()

    def steps(self) -> dict[tuple[int, int], list[int]]:
        """Steps done, by attempt and rank."""
        return {key: [step for step, _ in lines] for key, lines in self._lines().items()}

    def newest(self) -> int:
        """The newest attempt of which two ranks or more have taken a step; 0: none."""
        ranks = Counter(attempt for attempt, _ in self._lines())
        return max((attempt for attempt, count in ranks.items() if count > 1), default=0)

    def began(self, attempt: int) -> float:
        """When the first step of an attempt was done (seconds since the epoch)."""
        return min(lines[0][1] for (of, _), lines in self._lines().items() if of == attempt)

    def pauses(self, attempt: int, rank: int) -> list[float]:
        """Seconds between the steps of a rank."""
        times = [at for _, at in self._lines()[attempt, rank]]
        return [later - at for at, later in pairwise(times)]

    def overlaps(self) -> list[str]:
        return [path.name for path in self.folder.glob("overlap-*")]

    def _lines(self) -> dict[tuple[int, int], list[tuple[int, float]]]:
        found = {}
        for path in self.folder.glob("steps-*"):
            _, attempt, rank = path.name.split("-")
            text = path.read_text()
            lines = text[: text.rfind("\n") + 1].splitlines()
            if lines:
                pairs = [line.split() for line in lines]
                found[int(attempt), int(rank)] = [(int(step), float(at)) for step, at in pairs]
        return found


def assert_every_point_once(client: Client, job: str, diary: Diary) -> None:
    """Each attempt's points are those that its ranks reported, and the curve has each step once."""
    raw: dict[tuple[int, int], list[int]] = defaultdict(list)
    for series in client.metrics(job, name="value", raw=True):
        for step, value, _, attempt in series.points:
            assert value == step * 10 + series.rank
            raw[attempt, series.rank].append(step)
    between: dict[int, set[tuple[int, int]]] = defaultdict(set)
    for (attempt, rank), steps in raw.items():
        if later := raw.get((attempt + 1, rank)):
            between[rank].add((steps[-1], later[0]))
    for (attempt, rank), done in diary.steps().items():
        told = raw.pop((attempt, rank))
        assert told == list(range(told[0], told[-1] + 1)), f"attempt {attempt}, rank {rank}"
        # A rank that was killed may have reported a step and not come to note it.
        assert done == told[: len(done)], f"attempt {attempt}, rank {rank}"
        assert len(told) <= len(done) + 1
    assert all(len(steps) <= 1 for steps in raw.values())
    newest = max(attempt for attempt, _ in diary.steps())
    last = diary.steps()[newest, 0][-1]  # an earlier attempt may have come further
    for series in client.metrics(job, name="value"):
        curve = [point[0] for point in series.points]
        gaps = {pair for pair in pairwise(curve) if pair[1] != pair[0] + 1}
        # Rank 0 may have saved a step that this one, killed before, never came to.
        assert gaps <= between[series.rank], f"rank {series.rank}"
        assert (curve[0], curve[-1]) == (1, last), f"rank {series.rank}"
