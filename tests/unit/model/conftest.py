"""Jobs in the states that the tests of their life begin from."""

from __future__ import annotations

import pytest

from launcher.model import lifecycle
from launcher.model.ending import Ending
from launcher.model.job import Job, Policy, Resources, Verdict

NOW = 1000.0


class Lives:
    """Leads a job through its life, one fact at a time."""

    def __init__(self, nodes=1, **policy):
        resources = Resources(workers=nodes, nodes=nodes)
        limits = Policy(**({"backoff_s": 10.0} | policy))
        self.job = Job(
            "digits-abcdef", "digits", "default", 50, "any", {}, "", resources, limits, NOW,
            queued_at=NOW,
        )  # fmt: skip
        self.events = []
        self._nodes = nodes

    def do(self, change):
        self.job = change.job
        self.events += [(event.kind, event.text) for event in change.events]
        return self

    def placed(self, now=NOW, resume=None):
        ranks = [(f"node-{i}", 1) for i in range(self._nodes)]
        return self.do(lifecycle.place(self.job, "rays", ranks, now, resume))

    def registered(self):
        number = self.job.allocation.number
        for index in range(self._nodes):
            self.do(lifecycle.register(self.job, number, index, f"10.0.0.{index}:7{number}"))
        return self

    def running(self, now=NOW):
        if self.job.attempt is None or self.job.attempt.is_over:
            self.placed(now).registered()
        return self.do(lifecycle.started(self.job, self.job.attempt.number, now))

    def quiet(self, now=NOW):
        attempt = self.job.attempt
        for index in range(self._nodes):
            self.do(lifecycle.quiet(self.job, attempt.allocation, index, attempt.number, now))
        return self

    def ended(self, ending, now=NOW, *, began=True, words=""):
        verdict = Verdict(ending, words, began=began)
        self.do(lifecycle.give_verdict(self.job, self.job.attempt.number, verdict))
        return self.quiet(now)

    def lost(self, index, now=NOW, ending=Ending.NODE_LOST):
        return self.do(
            lifecycle.close_slot(
                self.job, self.job.allocation.number, index, now, proof="it is gone", lost=ending
            )
        )

    def told(self, kind):
        return [text for other, text in self.events if other == kind]


@pytest.fixture
def lives():
    return Lives
