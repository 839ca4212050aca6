"""Keys and frameworks of the design whose feature is not there yet, refused by name.

Whoever builds one deletes its line here and adds it to jobspec.py. The text beside a key is what to
do meanwhile; it may be empty.
"""

from __future__ import annotations

KEYS_NOT_BUILT = {
    "links": "give the program the absolute path",
    "secrets": "",
    "python.requirements": "install them into an environment and write python.interpreter",
    "image": "",
    "kubernetes": "",
    "checkpoints.watch": "save through launcher.checkpoint in the program",
    "checkpoints.watch_per_node": "",
    "checkpoints.keep_best": "raise checkpoints.keep_last",
    "outputs": "save them in a folder of launcher.checkpoint",
    "metrics": "call launcher.report in the program",
    "timeouts.hang": "timeouts.run ends a job that never ends by itself",
    "preemptible": "",
    "after": "",
    "array": "",
    "from_job": "",
    "resize_every": "",
    "not_before": "",
    "notify": "",
}

FRAMEWORKS_NOT_BUILT = ("tensorflow", "keras", "horovod", "jax")
