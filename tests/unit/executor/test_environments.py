"""An environment is made once, whole or not at all, and stays as long as somebody uses it."""

from __future__ import annotations

import os
import time

import pytest

from launcher.executor import evicting
from launcher.executor.environments import TRUSTED_S, Environments, disk_use
from launcher.executor.evicting import IDLE_S, limit_bytes, renew_cache, tidy

KIB = 1024


class GoneError(Exception):
    """The job that waited was given up."""


def give_up():
    raise GoneError


@pytest.fixture
def environments(tmp_path):
    return Environments(tmp_path)


def making(size=0, packages=("torch",)):
    """Makes an environment as uv would: packages with their records."""

    def make(target):
        site = target / "lib" / "python3.11" / "site-packages"
        for name in packages:
            (site / f"{name}-1.dist-info").mkdir(parents=True)
            (site / f"{name}.py").write_bytes(b"x" * size)
            record = f"{name}.py,,\n{name}-1.dist-info/RECORD,,\n__pycache__/{name}.pyc,,\n"
            (site / f"{name}-1.dist-info" / "RECORD").write_text(record)
        (target / "pyvenv.cfg").write_text("")

    return make


def failing(target):
    target.mkdir()
    (target / "half").write_text("made")
    raise RuntimeError("no such package")


def never(_):
    raise AssertionError("it is there already")


def put(environments, key, *, size=0, used_s_ago=0.0, made_s_ago=0.0):
    held = environments.hold(key, making(size), give_up)
    held.close()
    then = time.time() - used_s_ago
    record = environments.root / key / "made.json"
    text = record.read_text()
    at = environments.made(key).at
    record.write_text(text.replace(str(at), str(time.time() - made_s_ago)))
    os.utime(record, (then, then))
    return held


def test_it_is_made_once_and_then_found(environments):
    first = environments.hold("a", making(), give_up)
    second = environments.hold("a", never, give_up)
    assert (first.is_new, second.is_new) == (True, False)
    assert first.folder == second.folder
    assert (first.folder / "pyvenv.cfg").exists()


def test_who_wants_what_another_one_makes_waits_for_it(environments):
    waited = []

    def wait():
        waited.append(1)
        raise GoneError

    def make(target):
        with pytest.raises(GoneError):
            environments.hold("a", never, wait)
        making()(target)

    assert environments.hold("a", make, give_up).is_new
    assert waited


def test_what_was_begun_and_failed_is_no_environment(environments):
    with pytest.raises(RuntimeError, match="no such package"):
        environments.hold("a", failing, give_up)
    assert environments.made("a") is None
    held = environments.hold("a", making(), give_up)
    assert [path.name for path in (environments.root / "a").iterdir() if path.is_dir()] == [
        held.folder.name
    ]


def test_what_a_dead_maker_still_writes_is_not_in_the_next_ones_way(environments):
    places = []

    def die(target):
        places.append(target)
        failing(target)

    with pytest.raises(RuntimeError):
        environments.hold("a", die, give_up)
    held = environments.hold("a", making(), give_up)
    places[0].mkdir(exist_ok=True)
    (places[0] / "late").write_text("from beyond")
    assert held.folder != places[0]
    assert not (held.folder / "late").exists()


def test_one_in_use_is_not_removed(environments):
    held = environments.hold("a", making(), give_up)
    assert not environments.remove("a")
    held.close()
    assert environments.remove("a")
    assert environments.made("a") is None


def test_a_record_without_its_folder_is_no_environment(environments):
    put(environments, "a")
    made = environments.made("a")
    made.folder.rename(environments.root / "elsewhere")
    assert environments.hold("a", making(), give_up).is_new


@pytest.mark.parametrize(("age_s", "is_new"), [(0.0, False), (TRUSTED_S + 1, True)])
def test_an_old_one_of_which_files_were_cleaned_away_is_made_anew(environments, age_s, is_new):
    held = put(environments, "a", made_s_ago=age_s)
    next(held.folder.glob("lib/*/*/torch.py")).unlink()
    assert environments.hold("a", making(), give_up).is_new is is_new


def test_an_old_one_that_is_whole_is_used(environments):
    put(environments, "a", made_s_ago=TRUSTED_S + 1)
    assert not environments.hold("a", never, give_up).is_new


def test_the_longest_unused_go_when_all_are_too_large(environments, monkeypatch):
    for age, key in enumerate("abcd"):
        put(environments, key, size=100 * KIB, used_s_ago=100.0 - age)
    monkeypatch.setenv("LAUNCHER_ENVIRONMENTS_MAX", "250KiB")
    tidy(environments)
    assert [key for key in "abcd" if environments.made(key)] == ["c", "d"]


def test_one_in_use_stays_however_large_all_are(environments, monkeypatch):
    put(environments, "a", size=100 * KIB, used_s_ago=100.0)
    put(environments, "b", size=100 * KIB)
    held = environments.hold("a", never, give_up)
    os.utime(environments.root / "a" / "made.json", (1.0, 1.0))
    monkeypatch.setenv("LAUNCHER_ENVIRONMENTS_MAX", "1KiB")
    tidy(environments)
    assert environments.made("a") is not None
    held.close()


def test_those_long_unused_go_in_any_case_and_the_newest_never(environments):
    put(environments, "a", used_s_ago=IDLE_S + 5)
    put(environments, "b", used_s_ago=IDLE_S + 1)
    tidy(environments)
    assert [key for key in "ab" if environments.made(key)] == ["b"]


def test_what_was_begun_and_left_is_removed(environments):
    with pytest.raises(RuntimeError):
        environments.hold("a", failing, give_up)
    put(environments, "b")
    tidy(environments)
    assert environments.names() == ["b"]


def test_the_cache_goes_when_it_keeps_the_disk_full_unless_somebody_uses_it(
    environments, monkeypatch
):
    monkeypatch.setenv("LAUNCHER_ENVIRONMENTS_MAX", "10KiB")
    with environments.using_cache() as cache:
        (cache / "archive").write_bytes(b"x" * 100 * KIB)
        tidy(environments)
        assert (cache / "archive").exists()
    tidy(environments)
    assert not (environments.cache / "archive").exists()


def test_an_old_cache_is_begun_anew(environments):
    renew_cache(environments)
    (environments.cache / "archive").write_text("kept")
    renew_cache(environments)
    assert (environments.cache / "archive").exists()
    os.utime(environments.cache / evicting._CACHE_MARK, (1.0, 1.0))
    renew_cache(environments)
    assert not (environments.cache / "archive").exists()


def test_files_with_two_names_count_once(tmp_path):
    (tmp_path / "one").write_bytes(b"x" * 8 * KIB)
    alone = disk_use(tmp_path)
    os.link(tmp_path / "one", tmp_path / "two")
    assert disk_use(tmp_path) == alone >= 8 * KIB


def test_a_limit_that_is_no_size_is_passed_over(tmp_path, monkeypatch):
    own = limit_bytes(tmp_path)
    monkeypatch.setenv("LAUNCHER_ENVIRONMENTS_MAX", "much")
    assert limit_bytes(tmp_path) == own


def test_a_wish_is_remembered_until_it_is_long_unused(environments):
    assert environments.wish("w") is None
    environments.remember_wish("w", "torch==2.4\n")
    assert environments.wish("w") == "torch==2.4\n"
    os.utime(environments.root / "wishes" / "w", (1.0, 1.0))
    tidy(environments)
    assert environments.wish("w") is None
