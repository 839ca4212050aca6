"""Ranks that step together as a training does, and keep diaries of what they did.

No torch: rank 0 is met at MASTER_ADDR:MASTER_PORT, and each step waits for all. The environment
says where the diaries lie (DIARY). The training ends when a file `finish` appears there.
"""

import fcntl
import os
import socket
import time
from pathlib import Path

from launcher import attempt, checkpoint, rank, report, resume_from, world_size

DIARY = Path(os.environ["DIARY"])
SAVE_EVERY = 25
PAUSE_S = 0.02


def main():
    stay_alone = claim()
    folder = resume_from()
    step = int((folder / "step").read_text()) if folder else 0
    together = meet()
    last = False
    with (DIARY / f"steps-{attempt()}-{rank()}").open("a", buffering=1) as diary:
        while not last:
            step += 1
            last = agree(together)
            report(step=step, value=value_of(step, rank()))
            print(f"step {step}", flush=True)
            print(step, time.time(), file=diary)
            if rank() == 0 and (last or step % SAVE_EVERY == 0):
                with checkpoint(step) as draft:
                    (draft / "step").write_text(str(step))
            time.sleep(PAUSE_S)
    os.close(stay_alone)


def value_of(step, number):
    return step * 10 + number


def claim():
    """Hold a lock as long as this process lives, and look for those of other attempts.

    Of two processes of different attempts that live at once, the one that locks later finds it.
    """
    own = os.open(DIARY / f"alive-{attempt()}-{rank()}", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(own, fcntl.LOCK_EX)
    for path in DIARY.glob("alive-*"):
        if path.name.startswith(f"alive-{attempt()}-"):
            continue
        with path.open("r+") as other:
            try:
                # Shared: who looks at the same moment is no process of that attempt.
                fcntl.flock(other, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                (DIARY / f"overlap-{attempt()}-{rank()}").write_text(path.name)
    return own


def meet():
    """Connections to all others, or to rank 0."""
    where = (os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]))
    if rank() == 0:
        with socket.create_server(where) as server:
            return [server.accept()[0] for _ in range(world_size() - 1)]
    while True:
        try:
            return [socket.create_connection(where)]
        except ConnectionRefusedError:
            time.sleep(0.02)


def agree(together):
    """One step of all ranks; whether it is the last, which rank 0 decides."""
    if rank() == 0:
        last = (DIARY / "finish").exists()
        for other in together:
            hear(other)
        for other in together:
            other.sendall(b"1" if last else b"0")
        return last
    together[0].sendall(b"?")
    return hear(together[0]) == b"1"


def hear(other):
    word = other.recv(1)
    if not word:
        raise ConnectionResetError("Connection closed by peer")
    return word


if __name__ == "__main__":
    main()
