"""Rates and amounts of a node, out of texts that kernels wrote."""

from __future__ import annotations

import pytest

from launcher.executor import sampling_node
from launcher.executor.sampling_node import (
    NodeLooker,
    busy_seconds,
    disk_bytes,
    held_to,
    memory_bytes,
    network_bytes,
)

STAT = """cpu  5369365 2719155 1366580 4494707 75084 0 57227 449475 0 0
cpu0 2534517 1319666 656818 2476019 29271 0 20622 229399 0 0
cpu1 2834847 1399488 709762 2018688 45812 0 36604 220076 0 0
intr 1 2 3
"""
DISKS = """   7       0 loop0 11 0 2048 0 0 0 0 0 0 0 0 0 0 0 0 0
 259       0 nvme0n1 1000 10 80000 500 2000 20 160000 900 0 700 1400 0 0 0 0
 259       1 nvme0n1p1 990 10 79000 490 2000 20 160000 900 0 690 1390
   8       0 sda 10 0 800 5 20 0 1600 9 0 7 14 0 0 0 0 0 0
   8       1 sda1 10 0 800 5 20 0 1600 9 0 7 14 0 0 0 0 0 0
 253       0 dm-0 1000 0 80000 500 2000 0 160000 900 0 700 1400
   9       0 md0 1000 0 80000 500 2000 0 160000 900 0 700 1400
"""
NETWORK = """Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo
    lo: 79815 494 0 0 0 0 0 0 79815 494 0 0 0 0 0 0
  eth0: 10761757554  235989 0 0 0 0 0 0 13049607 143956 0 0 0 0 0 0
docker0:  500 5 0 0 0 0 0 0 600 6 0 0 0 0 0 0
"""
MEMORY = """MemTotal:       65536000 kB
MemFree:         1000000 kB
MemAvailable:   40000000 kB
Buffers:          100000 kB
"""


def test_idle_cores_and_those_that_wait_for_a_disk_do_not_work():
    ticks = 5369365 + 2719155 + 1366580 + 0 + 57227 + 449475
    assert busy_seconds(STAT) == ticks / sampling_node._TICKS_A_SECOND


def test_whole_disks_count_and_nothing_that_lies_on_them():
    assert disk_bytes(DISKS) == ((80000 + 800) * 512, (160000 + 1600) * 512)


def test_interfaces_of_the_hardware_count_where_they_are_known():
    assert network_bytes(NETWORK, ["eth0"]) == (10761757554, 13049607)
    assert network_bytes(NETWORK, []) == (10761757554 + 500, 13049607 + 600)
    assert network_bytes(NETWORK, ["ib0"]) == network_bytes(NETWORK)


def test_memory_that_programs_can_get_is_not_in_use():
    assert memory_bytes(MEMORY) == (25536000 * 1024, 65536000 * 1024)
    assert memory_bytes("") is None


@pytest.mark.parametrize(
    ("limit", "expected"),
    [("8000\n", (3000, 8000)), ("max\n", None), ("99999", None), ("", None)],
)
def test_a_container_has_the_memory_that_it_may_take(limit, expected):
    stat = "anon 2000\nfile 2000\nactive_file 5\ninactive_file 2000\n"
    assert held_to(limit, "5000\n", stat, total=50_000) == expected


def test_texts_of_another_kernel_tell_nothing():
    assert busy_seconds("") is None
    assert disk_bytes("a b\n") == (0, 0)
    assert network_bytes("") == (0, 0)


@pytest.fixture
def root(tmp_path):
    files = {
        "proc/stat": STAT,
        "proc/diskstats": DISKS,
        "proc/net/dev": NETWORK,
        "proc/meminfo": MEMORY,
        "proc/loadavg": "1.39 1.55 2.06 3/135 17491\n",
        "sys/class/net/eth0/device": "",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def later(root, name, before, after):
    path = root / "proc" / name
    path.write_text(path.read_text().replace(before, after))


def test_rates_are_of_the_time_between_two_looks(root):
    looker = NodeLooker(root, cores=2)
    looker.look(100.0)
    ticks = sampling_node._TICKS_A_SECOND
    later(root, "stat", "cpu  5369365", f"cpu  {5369365 + 5 * ticks}")
    later(root, "diskstats", "nvme0n1 1000 10 80000", "nvme0n1 1000 10 80100")
    later(root, "net/dev", "eth0: 10761757554", "eth0: 10761758554")
    assert looker.look(105.0) == {
        "node/cpu": 50.0,
        "node/disk_read": 10240,
        "node/disk_write": 0,
        "node/network_in": 200,
        "node/network_out": 0,
        "node/memory": 25536000 * 1024,
        "node/memory_total": 65536000 * 1024,
        "node/load": 1.39,
    }


def test_how_much_memory_there_is_is_told_once(root):
    looker = NodeLooker(root, cores=2)
    told = ["node/memory_total" in looker.look(float(number)) for number in range(4)]
    assert told == [False, True, False, False]


def test_a_counter_that_goes_back_is_a_rate_of_nothing(root):
    """An interface or a disk that is gone takes its counts along."""
    looker = NodeLooker(root, cores=2)
    looker.look(100.0)
    (root / "proc/net/dev").write_text("")
    later(root, "diskstats", "nvme0n1 1000 10 80000", "nvme0n1 1000 10 100")
    values = looker.look(105.0)
    assert "node/network_in" not in values
    assert values["node/disk_read"] == 0


def test_a_machine_without_these_files_has_no_values(tmp_path):
    looker = NodeLooker(tmp_path)
    assert [looker.look(1.0), looker.look(2.0)] == [{}, {}]
