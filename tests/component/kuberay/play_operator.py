"""KubeRay's operator and the kubelets, played: they do what a test tells them to."""

from kube_server import KubeServer


class Operator:
    def __init__(self, kube: KubeServer):
        self.kube = kube
        self._addresses = 0

    def make_pods(self, name, phase="Pending"):
        """The pods of a RayJob, as its groups say."""
        rayjob = self.kube.get("rayjobs", name)
        spec = rayjob["spec"]["rayClusterSpec"]
        self.say(name, jobDeploymentStatus="Initializing")
        self._pod(f"{name}-abcde-head", spec["headGroupSpec"]["template"], "head", phase)
        for group in spec["workerGroupSpecs"]:
            for number in range(group["replicas"]):
                pod = f"{name}-abcde-{group['groupName']}-worker-{number}"
                self._pod(pod, group["template"], "worker", phase)
        return self.pods(name)

    def _pod(self, name, template, kind, phase):
        labels = {**template["metadata"]["labels"], "ray.io/node-type": kind}
        pod = {
            "metadata": {"name": name, "labels": labels},
            "spec": template["spec"] | {"nodeName": f"node-of-{name}"},
            "status": {"phase": phase},
        }
        if phase == "Running":
            self._addresses += 1
            pod["status"]["podIP"] = f"10.1.0.{self._addresses}"
            pod["status"]["containerStatuses"] = [{"name": "ray", "ready": True, "state": {}}]
        self.kube.put("pods", pod)

    def say(self, name, **status):
        """What the operator writes into the status of a RayJob."""

        def change(one):
            one.setdefault("status", {}).update(status)

        self.kube.change("rayjobs", name, change)

    def pods(self, name):
        """Those of a RayJob, the head first."""
        found = [
            p for p in self.kube.all("pods") if p["metadata"]["labels"]["launcher/rayjob"] == name
        ]
        return sorted(
            found, key=lambda p: (not p["metadata"]["name"].endswith("head"), p["metadata"]["name"])
        )

    def set_pod(self, name, **status):
        self.kube.change("pods", name, lambda one: one["status"].update(status))

    def kill_for_memory(self, name):
        """As the kubelet tells of a container that the kernel killed."""
        ended = {"terminated": {"reason": "OOMKilled", "exitCode": 137}}
        statuses = [{"name": "ray", "ready": False, "state": ended}]
        self.set_pod(name, phase="Failed", containerStatuses=statuses)

    def take_away(self, name):
        """What a deleted RayJob made is gone, and then it is."""
        for pod in self.pods(name):
            self.kube.remove("pods", pod["metadata"]["name"])
        self.kube.remove("rayjobs", name)

    def finish(self, name):
        """Its entrypoint ended with 0: the operator takes its cluster away."""
        self.say(name, jobDeploymentStatus="Complete", jobStatus="SUCCEEDED")
        for pod in self.pods(name):
            self.kube.remove("pods", pod["metadata"]["name"])
