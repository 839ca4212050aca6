"""Draws Keras's progress bars and writes an event file, and knows nothing of us; stdlib only."""

import os
import struct
import sys
import time
from pathlib import Path

BATCHES = 40
told = Path(os.environ["DIARY"])
attempt = len(list(told.glob("*.tfevents"))) + 1


def masked_crc(data: bytes) -> int:
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
    crc ^= 0xFFFFFFFF
    return (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF


def scalar(step: int, value: float) -> bytes:
    """An Event of protobuf: wall_time, step, summary { value { tag, simple_value } }."""
    number = b"\x0a\x05score\x15" + struct.pack("<f", value)
    summary = b"\x0a" + bytes([len(number)]) + number
    steps = bytes([step & 0x7F | 0x80, step >> 7])
    head = b"\x09" + struct.pack("<d", time.time()) + b"\x10" + steps
    return head + b"\x2a" + bytes([len(summary)]) + summary


def record(payload: bytes) -> bytes:
    head = struct.pack("<Q", len(payload))
    checks = struct.pack("<I", masked_crc(head)), struct.pack("<I", masked_crc(payload))
    return head + checks[0] + payload + checks[1]


folder = Path("logs/train")
folder.mkdir(parents=True, exist_ok=True)
events = folder / f"events.out.tfevents.{attempt}.host"
with events.open("wb", buffering=0) as file:
    os.link(events, told / f"{attempt}.tfevents")
    for epoch in range(1, 10_000):
        print(f"Epoch {epoch}/10000", flush=True)
        for batch in range(1, BATCHES + 1):
            state = f"\b\b\b\r\x1b[1m{batch}/{BATCHES}\x1b[0m 1s 5ms/step - loss: {1 / batch:.4f}"
            sys.stdout.write(state)
            sys.stdout.flush()
            time.sleep(0.002)
        print(f" - val_loss: {1 / epoch:.4e}", flush=True)
        content = record(scalar(epoch, 1 / epoch))
        file.write(content[:9])  # torn for a moment
        file.write(content[9:])
        if (told / "finish").exists():
            break
