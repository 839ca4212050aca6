import json
import os

import pytest

from launcher.clusters import _processes, _record
from launcher.clusters._processes import Process
from launcher.clusters._record import Record


@pytest.fixture
def myself():
    found = _processes.stat(os.getpid())
    assert found is not None
    return found.process


def test_a_record_is_read_as_it_was_written(tmp_path, myself):
    record = Record(myself, tmp_path, "127.0.0.1", 4711, (myself, Process(2, 3)))
    record.write(tmp_path / "ray.json")
    assert Record.read(tmp_path / "ray.json") == record


def test_a_record_of_an_earlier_boot_is_none(tmp_path, myself):
    path = tmp_path / "ray.json"
    Record(myself, tmp_path).write(path)
    path.write_text(json.dumps(json.loads(path.read_text()) | {"boot": "another"}))
    assert Record.read(path) is None


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"boot": 1}'])
def test_a_damaged_record_is_none(tmp_path, text):
    (tmp_path / "ray.json").write_text(text)
    assert Record.read(tmp_path / "ray.json") is None


def test_a_cluster_that_is_still_starting_is_not_alive(tmp_path, myself):
    assert not Record(myself, tmp_path).is_alive()


def test_a_cluster_without_one_of_its_vital_processes_is_not_alive(tmp_path, myself):
    gone = Process(myself.pid, myself.start - 1)
    assert Record(myself, tmp_path, "h", 1, (myself,)).is_alive()
    assert not Record(myself, tmp_path, "h", 1, (myself, gone)).is_alive()


def test_a_session_without_ray_in_it_has_no_address(tmp_path, myself):
    record = Record(myself, tmp_path)
    assert record.located() is None
    (tmp_path / "ray_current_cluster").write_text("127.0.0.1:4711")
    assert record.located() is None


def test_the_boot_id_is_the_machines():
    assert len(_record._boot_id()) == 36
