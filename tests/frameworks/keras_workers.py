"""Programs in several processes, with the environment of torchrun and no launcher around them."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from launcher.train.stopping import CALLS, COMMITTED, SIZE, STATE, TARGET

PROGRAMS = Path(__file__).parent / "programs"


class Gang:
    """The processes of one attempt, started in a folder of their own.

    Args:
        folder: where they run; spools, checkpoints and answers are in it.
        backend: of Keras.
        workers: how many.
        env: more variables.
    """

    def __init__(self, folder: Path, backend: str, workers: int, **env: str) -> None:
        folder.mkdir()
        self.folder, self.workers = folder, workers
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self._env = {
            **os.environ,
            "KERAS_BACKEND": backend,
            "WORLD_SIZE": str(workers),
            "LOCAL_WORLD_SIZE": str(workers),
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(port),
            "OMP_NUM_THREADS": "1",
            "TF_CPP_MIN_LOG_LEVEL": "2",
            "CUDA_VISIBLE_DEVICES": "",
            "LAUNCHER_JOB_ID": "job",
            "LAUNCHER_CHECKPOINT_DIR": str(folder / "saved"),
            "ANSWER": str(folder / "answer"),
            **env,
        }

    def stop_at(self, call: int) -> None:
        """Have `should_stop` turn True at a call, as agents agree on it."""
        for rank in range(self.workers):
            words = [0] * (SIZE // 8)
            words[CALLS], words[TARGET], words[STATE] = 0, call, COMMITTED
            content = b"".join(word.to_bytes(8, sys.byteorder) for word in words)
            Path(f"{self._spool(rank)}.stop").write_bytes(content)

    def run(self, program: str, *arguments: str) -> list[dict[str, Any]]:
        """Run to the end; the answer of each rank."""
        command = ["nice", "-n", "5", sys.executable, str(PROGRAMS / f"{program}.py"), *arguments]
        ranks = []
        try:
            for rank in range(self.workers):
                own = {"RANK": str(rank), "LOCAL_RANK": str(rank)}
                own["LAUNCHER_SPOOL"] = self._spool(rank)
                with Path(self.folder, f"log-{rank}").open("wb") as log:
                    process = subprocess.Popen(
                        command, cwd=self.folder, env=self._env | own, stdout=log, stderr=log
                    )
                ranks.append(process)
            for process in ranks:
                process.wait(timeout=600)
            assert [process.returncode for process in ranks] == [0] * self.workers, self.log()
        finally:
            for process in ranks:
                process.kill()
                process.wait()
        answers = [Path(self.folder, f"answer.{rank}") for rank in range(self.workers)]
        return [json.loads(answer.read_text()) for answer in answers]

    def log(self, rank: int = 0) -> str:
        return Path(self.folder, f"log-{rank}").read_text()

    def records(self, kind: str, rank: int = 0) -> list[dict[str, Any]]:
        """What a rank reported (kind m) or saved (kind c)."""
        spool = Path(self._spool(rank))
        lines = spool.read_text().splitlines() if spool.exists() else []
        records = [json.loads(line) for line in lines]
        return [record for record in records if record["k"] == kind]

    def _spool(self, rank: int) -> str:
        return str(self.folder / f"rank-{rank}.spool")
