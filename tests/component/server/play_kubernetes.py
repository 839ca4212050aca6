"""A server with an attached Kubernetes, and those who act there: operator, executors, agents."""

import json

from in_process import until
from players import Agent, Executor

GKE = {"server_url": "http://launcher:8080", "image": "reg/ray:1", "has_gpus": False}


def attach(server, name="gke", **settings):
    reply = server.ask("POST", f"/clusters/{name}/kubernetes", data=GKE | settings)
    return [json.loads(line) for line in reply.text.splitlines()]


class Gke:
    """An attached Kubernetes, its operator, and what becomes of jobs there."""

    def __init__(self, server, kube, operator):
        self.server, self.kube, self.operator = server, kube, operator

    def new_job(self, **spec):
        return self.server.new_job(**{"cluster": "gke", **spec})

    def made(self, job, number=1):
        """The RayJob of a job, once it is there and its Secret too."""
        name = f"{job}-{number}"
        self.server.cycle()
        self.kube.wait(lambda: self.kube.get("secrets", f"{name}-launcher"), f"RayJob {name}")
        return name

    def up(self, job, number=1):
        """The executor of a job's cluster, all nodes of which are up."""
        name = self.made(job, number)
        pods = self.operator.make_pods(name, "Running")
        executor = Executor(self.server, f"gke.{name}")
        self.report(executor, pods)
        return executor

    def report(self, executor, pods, **more):
        nodes = [ray_node(pod) for pod in pods]
        return executor.report(*nodes, **more)

    def granted(self, job, number=1):
        """The executor, and the agents of the attempt that is granted there."""
        executor = self.up(job, number)
        until(lambda: executor.desired()["allocations"], "a grant")
        (wanted,) = executor.desired()["allocations"]
        agents = []
        for node in wanted["nodes"]:
            pod = self.kube.get("pods", node["node_id"].removeprefix("ray-"))
            address = f"{pod['status']['podIP']}:7000"
            agents.append(Agent(self.server, wanted, node["index"], address))
        for agent in agents:
            agent.sync()
        return executor, agents

    def running(self, job, number=1):
        executor, agents = self.granted(job, number)
        for agent in agents:
            agent.sync(attempt=number, started=number)
        assert self.state(job) == "RUNNING"
        return executor, agents

    def state(self, job):
        return self.server.show(job)["state"]

    def why(self, job):
        return self.server.get(f"/jobs/{job}/why")["text"]

    def await_state(self, job, state):
        until(lambda: self.state(job) == state, f"{job} {state}")

    def own(self, job):
        return self.server.control.books.own.of(job)

    def texts(self, job):
        return [event["text"] for event in self.server.get(f"/jobs/{job}/events")["events"]]

    def leave(self, job, number=1):
        """Wait until its RayJob is deleted, and take away what it made."""
        name = f"{job}-{number}"
        rayjobs = self.kube.objects["rayjobs"]
        is_leaving = lambda: "deletionTimestamp" in rayjobs[name]["metadata"]  # noqa: E731
        self.kube.wait(is_leaving, f"the end of RayJob {name}")
        self.operator.take_away(name)

    def template(self, job):
        """Of the pods of its workers."""
        spec = self.kube.get("rayjobs", f"{job}-1")["spec"]["rayClusterSpec"]
        return spec["workerGroupSpecs"][0]["template"]


def ray_node(pod):
    is_head = pod["metadata"]["name"].endswith("head")
    requests = pod["spec"]["containers"][0]["resources"]["requests"]
    amounts = {"CPU": 0.0 if is_head else float(requests["cpu"])}
    if not is_head and "memory" in requests:
        amounts["memory"] = float(int(requests["memory"]) - 2**30)
    return {
        "node_id": f"ray-{pod['metadata']['name']}",
        "host": pod["metadata"]["name"],
        "address": pod["status"]["podIP"],
        "total": amounts,
        "free": amounts,
    }
