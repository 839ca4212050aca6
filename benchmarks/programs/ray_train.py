"""The measured training as Ray Train starts it: the driver of a Ray job, and its two workers."""

import sys
import time
from typing import Any

BEGUN = time.time()


def each_worker(settings: dict[str, Any]) -> None:
    begun = time.time()
    from loop import train
    from marks import Marks

    marks = Marks(settings["marks"])
    marks.add("line", begun)
    train(marks)


def main(folder: str) -> None:
    from ray.train import RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer

    TorchTrainer(
        each_worker,
        train_loop_config={"marks": folder},
        scaling_config=ScalingConfig(num_workers=2),
        run_config=RunConfig(storage_path=f"{folder}/results"),
    ).fit()


if __name__ == "__main__":
    main(sys.argv[1])
