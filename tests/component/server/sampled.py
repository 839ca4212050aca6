"""What an agent's samples and ranks' reports look like, for tests of what is measured."""

import json

from launcher.model.sample import Sample, line_of

NOW = 1_700_000_000.0


def samples(agent, *told, attempt=1, offset=0):
    data = b"".join(line_of(sample) for sample in told)
    return agent.append(("sampled", attempt, 0, offset, data)).json()["lengths"]


def measured(at, cpu=50.0, **more):
    values = {"node/cpu": cpu, "node/memory": 3e9, "node/memory_total": 8e9} | more
    return Sample(at, 0, values, {0: {"rank/cpu": 90.0, "rank/memory": 1e9}})


def report(agent, rank, steps, step_s, *, offset=0):
    """Steps of a rank that take so long, as it reports them."""
    lines = [{"t": 1000 + n * step_s, "k": "m", "step": n, "m": {"loss": 1.0}} for n in steps]
    data = "".join(f"{json.dumps(line)}\n" for line in lines).encode()
    return agent.append(("spool", 1, rank, offset, data)).json()["lengths"][0]
