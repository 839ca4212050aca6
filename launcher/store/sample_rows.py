"""Rows of sample series: how they grow, and when their newest points become a batch.

The newest points of a series wait in its own row (`tail`), which changes with each of them anyway.
"""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import numpy as np
from sqlalchemy import Connection, bindparam, select, update

from launcher.model.sample import Sample
from launcher.store.packing import Arrays, Columns, pack
from launcher.store.tables import sample_batches as _batches
from launcher.store.tables import sample_series as _series

_BATCH = 64
"""Points of a batch: five minutes."""
_POINT = struct.Struct("<dd")
"""Of a tail: time and value."""
_TAIL = np.dtype([("time", "<f8"), ("value", "<f8")])
_NAMES_A_QUERY = 500

# Built once: building a statement costs as much as running it.
_SERIES = (
    select(_series)
    .where(_series.c.job_id == bindparam("job_id"))
    .where(_series.c.name.in_(bindparam("names", expanding=True)))
    .where(_series.c.rank.in_(bindparam("ranks", expanding=True)))
    .with_for_update()
)
_GROW = update(_series).where(_series.c.id == bindparam("series_id"))

Points = list[tuple[float, float]]
"""Times and values of one series, in order of arrival."""


def by_series(samples: Iterable[Sample]) -> dict[tuple[int, str], Points]:
    """Points by rank and name."""
    found: dict[tuple[int, str], Points] = {}
    for sample in samples:
        for rank, name, value in sample.series():
            found.setdefault((rank, name), []).append((sample.time, value))
    return found


def save(tx: Connection, job_id: str, attempt: int, series: dict[tuple[int, str], Points]) -> None:
    """Add points to the series of a job, which are made where they are new."""
    known = _known(tx, job_id, series)
    fresh = [
        {"job_id": job_id, "name": name, "rank": rank, **_begun(attempt, points)}
        for (rank, name), points in series.items()
        if (rank, name) not in known
    ]
    if fresh:
        tx.execute(_series.insert(), fresh)
    grown, full = [], []
    for key, row in known.items():
        changed, batches = _grown(row, attempt, series[key])
        grown.append(changed | {"series_id": row["id"]})
        full += [{"job_id": job_id, "series_id": row["id"], **batch} for batch in batches]
    if grown:
        tx.execute(_GROW, grown)
    if full:
        tx.execute(_batches.insert(), full)


def _known(
    tx: Connection, job_id: str, wanted: Collection[tuple[int, str]]
) -> dict[tuple[int, str], Any]:
    """The rows of those series that have one, locked until the transaction ends."""
    ranks_by_name: dict[str, set[int]] = {}
    for rank, name in wanted:
        ranks_by_name.setdefault(name, set()).add(rank)
    names_by_ranks: dict[frozenset[int], list[str]] = {}
    for name, ranks in ranks_by_name.items():
        names_by_ranks.setdefault(frozenset(ranks), []).append(name)
    found: dict[tuple[int, str], Any] = {}
    for of, names in names_by_ranks.items():  # mostly two: of the node, and of its ranks
        for first in range(0, len(names), _NAMES_A_QUERY):
            part = names[first : first + _NAMES_A_QUERY]
            key = {"job_id": job_id, "ranks": sorted(of), "names": part}
            rows = tx.execute(_SERIES, key).mappings()
            found |= {(row["rank"], row["name"]): row for row in rows}
    return found


def _begun(attempt: int, points: Points) -> dict[str, Any]:
    values = [value for _, value in points]
    return {
        "count": len(points),
        "first_at": points[0][0],
        "attempt": attempt,
        "last_at": points[-1][0],
        "last_value": values[-1],
        "sum": sum(values),
        "highest": max(values),
        "tail": _packed(points),
    }


def _grown(row: Any, attempt: int, points: Points) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The series' row with more points, and the batches that became full.

    What comes late from an older attempt is a batch of its own: the tail is the newest's.
    """
    new = _begun(attempt, points)
    row_now = {
        "count": row["count"] + new["count"],
        "first_at": min(row["first_at"], new["first_at"]),
        "sum": row["sum"] + new["sum"],
        "highest": max(row["highest"], new["highest"]),
    }
    if attempt < row["attempt"]:
        kept = {name: row[name] for name in ("attempt", "last_at", "last_value", "tail")}
        return row_now | kept, [_batch(attempt, new["tail"])]
    row_now |= {name: new[name] for name in ("attempt", "last_at", "last_value")}
    if attempt > row["attempt"]:
        before = [_batch(row["attempt"], row["tail"])] if row["tail"] else []
        return row_now | {"tail": new["tail"]}, before
    tail = row["tail"] + new["tail"]
    if len(tail) < _BATCH * _POINT.size:
        return row_now | {"tail": tail}, []
    return row_now | {"tail": b""}, [_batch(attempt, tail)]


def _packed(points: Sequence[tuple[float, float]]) -> bytes:
    return b"".join(_POINT.pack(*point) for point in points)


def _batch(attempt: int, tail: bytes) -> dict[str, Any]:
    return {"attempt": attempt, "data": pack(Columns(*(one.tolist() for one in arrays(tail))))}


def arrays(tail: bytes) -> Arrays:
    points = np.frombuffer(tail, _TAIL)
    return Arrays(points["time"].astype(np.int64), points["value"], points["time"])
