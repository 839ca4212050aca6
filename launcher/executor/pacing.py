"""How often what the ranks write is shipped: at once what is rare, once a second what is steady.

More often where somebody looks on: who follows a job shall see a line within half a second.
"""

from __future__ import annotations

CHECK_EVERY_S, QUIET_CHECK_EVERY_S = 0.15, 0.4
"""How soon something new is seen; of ranks that were quiet for a while: a look costs CPU, too."""
QUIET_AFTER_S = 10.0
STEADY_EVERY_S, FOLLOWED_EVERY_S = 1.0, 0.4
BURST = 5.0
"""Shipments that may follow each other faster, after as many seconds of quiet."""
SHARE = 0.05
"""Shipping takes at most this share of the time, so that it slows down with a slow server."""


class Pace:
    """Shipments cost credit, which time gives back. A step of training is worth no request.

    Args:
        now: monotonic clock, seconds.
    """

    def __init__(self, now: float) -> None:
        self._credit, self._at, self._shipped_at = BURST, now, now

    def pause(self, *, shipped: bool, took_s: float, now: float, followed: bool = False) -> float:
        """Seconds to wait before the next look.

        Args:
            shipped: whether there was something to ship.
            took_s: how long it took.
            now: monotonic clock, seconds.
            followed: whether somebody looks on.
        """
        steady_s = FOLLOWED_EVERY_S if followed else STEADY_EVERY_S
        self._credit = min(BURST, self._credit + (now - self._at) / steady_s)
        self._at = now
        if shipped:
            self._credit -= 1.0
            self._shipped_at = now
        is_quiet = now - self._shipped_at > QUIET_AFTER_S
        check_s = QUIET_CHECK_EVERY_S if is_quiet else CHECK_EVERY_S
        lacking_s = (1.0 - self._credit) * steady_s
        return max(check_s, took_s / SHARE, lacking_s)
