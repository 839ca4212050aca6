from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from launcher.model.metric import CheckpointSaved, checkpoint_of
from launcher.train import checkpoint, checkpoints


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def save(step: int, text: str = "weights", **options: Any) -> None:
    with checkpoint(step, **options) as folder:
        (folder / "model.pt").write_text(text)


def test_a_clean_block_becomes_one_folder_and_one_record(job: Any) -> None:
    with checkpoint(7, metrics={"loss": 0.5, "name": "no number"}) as folder:
        assert folder.name == f".step-0000000007.2.{os.getpid()}.tmp"
        (folder / "model.pt").write_text("weights")
        (folder / "parts").mkdir()
        (folder / "parts" / "0.bin").write_text("part")
        (folder / "latest").symlink_to("model.pt")
    assert names(job.checkpoints) == ["step-0000000007"]
    assert names(job.checkpoints / "step-0000000007") == ["latest", "model.pt", "parts"]
    [record] = job.records()
    del record["t"]
    assert record == {
        "k": "c", "step": 7, "path": "step-0000000007", "metrics": {"loss": 0.5}, "sharded": False,
    }  # fmt: skip


def test_the_reader_in_model_understands_the_record(job: Any) -> None:
    save(7, metrics={"loss": 0.5})
    [record] = job.records()
    assert checkpoint_of(record) == CheckpointSaved(7, "step-0000000007", {"loss": 0.5}, False)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit, OSError])
def test_an_exception_passes_through_and_nothing_stays(
    job: Any, error: type[BaseException]
) -> None:
    def fail_in_mid_save() -> None:
        with checkpoint(7) as folder:
            (folder / "model.pt").write_text("half")
            raise error

    with pytest.raises(error):
        fail_in_mid_save()
    assert names(job.checkpoints) == []
    assert not job.spool.exists()


def test_other_ranks_save_into_the_void(job: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    save(7)
    assert names(job.checkpoints) == []
    assert not job.spool.exists()


@pytest.mark.parametrize("rank", ["0", "3"])
def test_sharded_every_rank_saves_its_part(
    job: Any, rank: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", rank)
    save(7, sharded=True)
    assert names(job.checkpoints) == [f"step-0000000007.rank-{rank}"]
    [record] = job.records()
    assert (record["path"], record["sharded"]) == (f"step-0000000007.rank-{rank}", True)


def test_a_second_checkpoint_of_a_step_replaces_the_first_whole(job: Any) -> None:
    with checkpoint(7) as folder:
        (folder / "of-the-first-only").touch()
    save(7, "second")
    assert names(job.checkpoints) == ["step-0000000007"]
    assert names(job.checkpoints / "step-0000000007") == ["model.pt"]
    assert len(job.records()) == 2


def test_a_replacement_that_fails_leaves_the_older_one(
    job: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    save(7, "first")
    rename = Path.rename
    tried = []

    def fail_at_the_second_try(path: Path, target: Path) -> Path:
        if path.name.endswith(f"{os.getpid()}.tmp"):
            tried.append(path)
            if len(tried) == 2:
                raise OSError(errno.EIO, "input/output error")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fail_at_the_second_try)
    save(7, "second")
    assert (job.checkpoints / "step-0000000007" / "model.pt").read_text() == "first"
    assert names(job.checkpoints) == ["step-0000000007"]
    assert "the checkpoint of step 7 was not kept" in capsys.readouterr().err


def test_everything_is_on_the_disk_before_the_name_and_the_name_before_the_record(
    job: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    flush, rename, write = checkpoints._flush_one, Path.rename, os.write

    def flushed(path: Path) -> None:
        done.append(f"flush {path.name.split('.2.')[0]}")
        flush(path)

    def renamed(path: Path, target: Path) -> Path:
        done.append(f"rename to {target.name}")
        return rename(path, target)

    def written(descriptor: int, data: bytes) -> int:
        done.append("record")
        return write(descriptor, data)

    monkeypatch.setattr(checkpoints, "_flush_one", flushed)
    monkeypatch.setattr(Path, "rename", renamed)
    with checkpoint(7) as folder:
        (folder / "model.pt").write_text("weights")
        (folder / "parts").mkdir()
        (folder / "parts" / "0.bin").write_text("part")
        monkeypatch.setattr(os, "write", written)
    assert done == [
        "flush 0.bin",
        "flush parts",
        "flush model.pt",
        "flush .step-0000000007",
        "rename to step-0000000007",
        "flush saved",
        "record",
    ]


def test_a_disk_that_fails_at_the_flush_drops_the_checkpoint_and_goes_on(
    job: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(os, "fsync", full)
    save(7)
    assert names(job.checkpoints) == []
    assert not job.spool.exists()
    assert capsys.readouterr().err == (
        "launcher: the checkpoint of step 7 was not kept: [Errno 28] no space left on device\n"
    )


def test_a_full_disk_in_the_programs_own_write_is_the_programs_error(job: Any) -> None:
    done = job.run("""
import resource
from launcher import checkpoint
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
try:
    with checkpoint(7) as folder:
        (folder / 'model.pt').write_bytes(bytes(5000))
except OSError as error:
    print(error.strerror)
""")
    assert done.stdout == "File too large\n"
    assert names(job.checkpoints) == []


def test_a_record_that_cannot_be_written_is_said_and_not_raised(
    job: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LAUNCHER_SPOOL", str(job.spool / "missing" / "spool"))
    save(7)
    assert "the checkpoint of step 7 was not kept" in capsys.readouterr().err


def test_a_folder_that_the_block_took_away_is_said_and_not_raised(
    job: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    with checkpoint(7) as folder:
        shutil.rmtree(folder)
    assert names(job.checkpoints) == []
    assert "the checkpoint of step 7 was not kept" in capsys.readouterr().err


def test_a_draft_of_a_dead_process_with_our_number_is_not_mixed_in(job: Any) -> None:
    left = job.checkpoints / f".step-0000000007.2.{os.getpid()}.tmp"
    left.mkdir(parents=True)
    (left / "torn.pt").touch()
    save(7)
    assert names(job.checkpoints / "step-0000000007") == ["model.pt"]


@pytest.mark.parametrize(("step", "error"), [(-1, ValueError), (1.5, TypeError), ("7", TypeError)])
def test_a_step_that_is_none_is_refused_at_once(
    job: Any, step: Any, error: type[Exception]
) -> None:
    with pytest.raises(error), checkpoint(step):
        pytest.fail("the block must not run")
    assert not job.checkpoints.exists()


def test_outside_a_job_rank_0_keeps_its_checkpoints_in_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    save(7)
    monkeypatch.setenv("RANK", "1")
    save(8)
    assert names(tmp_path / "checkpoints") == ["step-0000000007"]


def test_a_block_may_change_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    with checkpoint(7) as folder:
        os.chdir(tmp_path / "elsewhere")
        (folder / "model.pt").touch()
    assert names(tmp_path / "checkpoints") == ["step-0000000007"]
