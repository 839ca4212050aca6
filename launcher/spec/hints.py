"""What a user of another tool meant by a key that this spec does not have."""

from __future__ import annotations

import difflib
from collections.abc import Collection

from launcher.spec.unbuilt import KEYS_NOT_BUILT

_HABITS = {
    "resources.workers": "num_workers n_workers nworkers replicas num_replicas world_size "
    "nproc ntasks processes num_processes num_procs",
    "resources.nodes": "nnodes num_nodes num_machines",
    "resources.workers_per_node": "nproc_per_node ntasks_per_node processes_per_node",
    "resources.gpus_per_worker": "gpus gpu num_gpus n_gpus ngpus gpu_count gres gpus_per_task",
    "resources.cpus_per_worker": "cpus cpu num_cpus n_cpus ncpus cpus_per_task cores",
    "resources.memory_per_worker": "memory mem ram mem_per_cpu",
    "resources.accelerator": "accelerators accelerator_type gpu_type",
    "resources.labels": "node_selector selector label_selector constraint",
    "entrypoint": "command commands cmd script run main program exec job_script",
    "workdir": "working_dir work_dir cwd code chdir source_dir project_dir",
    "env": "envs env_vars environment environment_variables variables",
    "name": "job_name title experiment run_name",
    "framework": "type kind strategy",
    "python.interpreter": "venv virtualenv conda python_path executable",
    "python.requirements": "requirements pip packages dependencies runtime_env",
    "retries.max": "max_retries max_restarts max_failures retry restarts num_retries backoff_limit",
    "timeouts.run": "timeout time time_limit walltime max_run_time max_duration",
    "project": "account group team tenant namespace",
    "cluster": "queue partition address target ray_address",
    "priority": "qos nice priority_class",
    "stop_signal": "signal kill_signal",
    "secrets": "secret",
    "image": "docker container container_image docker_image image_uri",
    "after": "dependency dependencies depends_on depends needs afterok",
    "not_before": "begin start_at start_time start_after earliest schedule",
    "array": "sweep matrix task_array job_array array_size",
    "notify": "email mail notifications webhook slack",
    "notify.when": "on events moments states",
    "notify.url": "webhook_url hook",
}
_MEANT = {habit: key for key, habits in _HABITS.items() for habit in habits.split()}
_ADVICE = {
    "args": "write the arguments on the line of entrypoint",
    "arguments": "write the arguments on the line of entrypoint",
    "setup": "set the environment up beforehand and write python.interpreter",
}


def hint_for(path: str, known: Collection[str]) -> str:
    """The end of a complaint about an unknown key; empty when nothing comes near.

    Args:
        path: the key with dots, as `resources.wrokers`.
        known: every key with dots, those not built yet among them.
    """
    section, _, key = path.rpartition(".")
    word = key.lower().replace("-", "_")
    if word in _ADVICE:
        return f"; {_ADVICE[word]}"
    meant = _sibling(section, word, known) or _MEANT.get(word) or _anywhere(word, known)
    if meant is None:
        return ""
    return f"; did you mean {meant}" + ", which is not in this version" * (meant in KEYS_NOT_BUILT)


def _sibling(section: str, word: str, known: Collection[str]) -> str | None:
    siblings = {
        name.rpartition(".")[2]: name for name in known if name.rpartition(".")[0] == section
    }
    near = difflib.get_close_matches(word, siblings, n=1, cutoff=0.75)
    return siblings[near[0]] if near else None


def _anywhere(word: str, known: Collection[str]) -> str | None:
    """A key of another section: exactly this word, or nearly."""
    leaves = {name.rpartition(".")[2]: name for name in known}
    near = difflib.get_close_matches(word, leaves, n=1, cutoff=0.8)
    return leaves[near[0]] if near else None
