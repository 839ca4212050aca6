import math
import os

import pytest

from launcher.clusters import _cpus


@pytest.mark.parametrize(
    ("quota", "expected"), [(0.5, 1), (1.5, 1), (3.0, 3), (math.inf, 4), (64.0, 4)]
)
def test_the_smaller_of_affinity_and_quota_counts_in_whole_cpus(monkeypatch, quota, expected):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _pid: {0, 1, 2, 3})
    monkeypatch.setattr(_cpus, "_quota", lambda: quota)
    assert _cpus.available_cpus() == expected


def test_the_tightest_quota_on_the_way_to_the_root_holds(monkeypatch, tmp_path):
    own = tmp_path / "user.slice" / "work.service"
    own.mkdir(parents=True)
    (own / "cpu.max").write_text("max 100000\n")
    (own.parent / "cpu.max").write_text("250000 100000\n")
    monkeypatch.setattr(_cpus, "_CGROUP", tmp_path)
    monkeypatch.setattr(_cpus, "_own_group", lambda: "/user.slice/work.service")
    assert _cpus._quota() == 2.5


def test_a_quota_of_version_1_is_read(monkeypatch, tmp_path):
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("300000\n")
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    monkeypatch.setattr(_cpus, "_CGROUP", tmp_path)
    assert _cpus._quota() == 3.0


def test_no_control_groups_mean_no_quota(monkeypatch, tmp_path):
    monkeypatch.setattr(_cpus, "_CGROUP", tmp_path / "absent")
    assert _cpus._quota() == math.inf
