"""What the rendered objects are for: upgrades, the executor's place, rights, room to end."""

from __future__ import annotations

import base64
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from manifests import CHART, ROOT, Object, notes, one, pod_templates, render

from launcher import __version__
from launcher.cli import _commands
from launcher.clusters import _kuberay_hook

REPLICATED: dict[str, Any] = {
    "server": {"replicas": 3, "persistence": {"accessModes": ["ReadWriteMany"]}},
    "database": {"kind": "postgresql", "existingSecret": "db"},
}
SCALED: dict[str, Any] = {"head": {"enableInTreeAutoscaling": True}, "worker": {"maxReplicas": 4}}


# --- upgrades -------------------------------------------------------------------------------------


def of_version(version: str, folder: Path) -> Path:
    """The chart as a later release would have it."""
    copied = folder / version
    shutil.copytree(CHART, copied)
    text = (copied / "Chart.yaml").read_text()
    changed = re.sub(r"^(version|appVersion): .*", rf"\1: {version}", text, flags=re.MULTILINE)
    (copied / "Chart.yaml").write_text(changed)
    return copied


@pytest.mark.parametrize("more", [{}, SCALED], ids=["fixed", "scaled"])
def test_an_upgrade_of_the_server_leaves_the_ray_cluster_as_it_is(
    tmp_path: Path, more: dict[str, Any]
) -> None:
    before = render(more)
    changed = {"server": {"image": {"tag": "9.9.9"}, "resources": {}, "logFormat": "text"}}
    after = render({**more, **changed}, folder=of_version("9.9.9", tmp_path))
    for kind, name in (
        ("RayCluster", ""),
        ("ServiceAccount", "ray-pods"),
        ("NetworkPolicy", "ray"),
    ):
        assert one(before, kind, name) == one(after, kind, name)
    assert one(before, "Deployment") != one(after, "Deployment")
    assert "9.9.9" in str(one(after, "Deployment"))


def test_a_changed_value_of_rays_does_change_the_ray_cluster() -> None:
    changed = render({"worker": {"labels": {"team": "vision"}}})
    assert one(render(), "RayCluster") != one(changed, "RayCluster")


def test_the_volume_and_its_claim_do_not_change_with_the_version(tmp_path: Path) -> None:
    claim = one(render(folder=of_version("9.9.9", tmp_path)), "PersistentVolumeClaim")
    assert claim == one(render(), "PersistentVolumeClaim")
    assert claim["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}


def test_the_chart_is_of_this_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert (chart["version"], chart["appVersion"]) == (__version__, __version__)


@pytest.mark.parametrize(("replicas", "strategy"), [(1, "Recreate"), (3, "RollingUpdate")])
def test_two_servers_never_have_one_volume_that_one_may_mount(replicas: int, strategy: str) -> None:
    objects = render({**REPLICATED, "server": {**REPLICATED["server"], "replicas": replicas}})
    spec = one(objects, "Deployment")["spec"]
    assert spec["strategy"]["type"] == strategy
    disruption = [each for each in objects if each["kind"] == "PodDisruptionBudget"]
    assert len(disruption) == (replicas > 1)
    names = {entry["name"] for entry in container(spec["template"])["env"]}
    assert ("LAUNCHER_REPLICA_URL" in names) == (replicas > 1)


# --- the executor ---------------------------------------------------------------------------------


def test_the_executor_shares_with_ray_what_a_driver_needs() -> None:
    head = pod_templates(one(render(), "RayCluster"))[0]["spec"]
    [executor] = head["initContainers"]
    assert head["shareProcessNamespace"] is True
    for path in ("/tmp/ray", "/dev/shm", "/spool"):
        assert mounted(executor, path) == mounted(head["containers"][0], path)
    shm = volume(head, mounted(executor, "/dev/shm"))
    assert shm["emptyDir"] == {"medium": "Memory", "sizeLimit": "1Gi"}


def test_the_executor_shares_the_volume_that_a_user_puts_in_place_of_ours() -> None:
    head = {
        "volumes": [{"name": "log-volume", "emptyDir": {}}],
        "volumeMounts": [{"name": "log-volume", "mountPath": "/tmp/ray/"}],
    }
    spec = pod_templates(one(render({"head": head}), "RayCluster"))[0]["spec"]
    assert mounted(spec["initContainers"][0], "/tmp/ray") == "log-volume"
    assert "ray-logs" not in {each["name"] for each in spec["volumes"]}


def test_the_executor_is_restarted_where_the_pods_containers_are_not() -> None:
    """KubeRay sets restartPolicy Never on the head of a cluster with autoscaler v2."""
    user = [{"name": "prepare", "image": "busybox:1.36"}]
    values = {"head": SCALED["head"] | {"initContainers": user}}
    spec = pod_templates(one(render(values), "RayCluster"))[0]["spec"]
    assert "restartPolicy" not in spec
    assert [each["name"] for each in spec["initContainers"]] == ["prepare", "executor"]
    assert spec["initContainers"][1]["restartPolicy"] == "Always"


def test_the_executor_has_rays_token_and_its_own() -> None:
    ray = one(render(), "RayCluster")
    spec = pod_templates(ray)[0]["spec"]
    env = {entry["name"]: entry for entry in spec["initContainers"][0]["env"]}
    assert env["RAY_AUTH_MODE"]["value"] == ray["spec"]["authOptions"]["mode"] == "token"
    reference = env["RAY_AUTH_TOKEN"]["valueFrom"]["secretKeyRef"]
    assert reference == {"name": ray["metadata"]["name"], "key": "auth_token"}
    own = volume(spec, "executor-token")["secret"]
    assert own["secretName"] == "train-launcher-executor"
    assert own["items"] == [{"key": "executor-token", "path": "token"}]


def test_a_ray_that_knows_no_tokens_is_asked_for_none() -> None:
    ray = one(render({"head": {"rayVersion": "2.49.2"}}), "RayCluster")
    env = {entry["name"] for entry in pod_templates(ray)[0]["spec"]["initContainers"][0]["env"]}
    assert ray["spec"]["authOptions"] == {"mode": "disabled"}
    assert "RAY_AUTH_TOKEN" not in env


def test_server_and_executor_speak_of_the_same_cluster_at_the_servers_address() -> None:
    values = {"executor": {"cluster": "vision"}, "server": {"service": {"port": 80}}}
    objects = render(values)
    server, service = one(objects, "Deployment"), one(objects, "Service")
    env = {e["name"]: e.get("value") for e in container(server["spec"]["template"])["env"]}
    arguments = pod_templates(one(objects, "RayCluster"))[0]["spec"]["initContainers"][0]["args"]
    assert env["LAUNCHER_EXECUTOR_TOKENS"].startswith("vision=")
    assert "--cluster=vision" in arguments
    assert f"--server=http://{service['metadata']['name']}.ml.svc:80" in arguments


# --- commands and variables that are there --------------------------------------------------------


def test_the_commands_of_the_containers_are_the_programs_own() -> None:
    objects = render({"server": {"openMetrics": True}})
    server = container(one(objects, "Deployment")["spec"]["template"])
    executor = pod_templates(one(objects, "RayCluster"))[0]["spec"]["initContainers"][0]
    for each in (server, executor):
        _, name = each["command"]
        command = _commands.launcher.get_command(None, name)  # type: ignore[arg-type]
        assert command is not None
        known = {option for parameter in command.params for option in parameter.opts}
        assert {argument.partition("=")[0] for argument in each["args"]} <= known


def test_the_variables_of_the_containers_are_the_programs_own() -> None:
    objects = render({**REPLICATED, "server": {**REPLICATED["server"], "tls": {"secretName": "t"}}})
    spec = pod_templates(one(objects, "RayCluster"))[0]["spec"]
    server = container(one(objects, "Deployment")["spec"]["template"])
    names = {entry["name"] for each in (server, spec["initContainers"][0]) for entry in each["env"]}
    sources = "".join(path.read_text() for path in (ROOT / "launcher").rglob("*.py"))
    ours = {name for name in names if name.startswith("LAUNCHER_")}
    assert len(ours) == 7
    assert {name for name in ours if f'"{name}"' not in sources} == set()


def test_the_probes_ask_the_port_that_the_server_listens_on() -> None:
    server = container(one(render(), "Deployment")["spec"]["template"])
    [port] = server["ports"]
    assert f"--port={port['containerPort']}" in server["args"]
    probes = {key: server[f"{key}Probe"]["httpGet"] for key in ("startup", "liveness", "readiness")}
    assert {get["port"] for get in probes.values()} == {port["name"]}
    assert [get["path"] for get in probes.values()] == ["/healthz", "/healthz", "/readyz"]


# --- room to end, rights, network -----------------------------------------------------------------


@pytest.mark.parametrize(("values", "seconds"), [({}, 90), ({"graceSeconds": 300}, 330)])
def test_pods_have_the_grace_of_their_jobs_and_half_a_minute(
    values: dict[str, Any], seconds: int
) -> None:
    for template in pod_templates(one(render(values), "RayCluster")):
        assert template["spec"]["terminationGracePeriodSeconds"] == seconds


def test_ranks_run_at_normal_niceness_and_ray_kills_none_for_memory() -> None:
    for template in pod_templates(one(render(), "RayCluster")):
        env = {e["name"]: e["value"] for e in template["spec"]["containers"][0]["env"]}
        assert env["RAY_worker_niceness"] == "0"
        assert env["RAY_memory_monitor_refresh_ms"] == "0"
        assert env["LAUNCHER_SPOOL_ROOT"].startswith("/spool/"), "a mount belongs to root"


def test_pods_are_taken_where_kubernetes_restricts_them() -> None:
    """Its standard `restricted`, which namespaces are labelled with."""
    objects = render({**SCALED, "additionalWorkerGroups": {"gpu": {}}})
    ray = one(objects, "RayCluster")
    autoscaler = ray["spec"]["autoscalerOptions"]["securityContext"]
    assert autoscaler == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    templates = pod_templates(ray)
    for template in (one(objects, "Deployment")["spec"]["template"], *templates):
        spec = template["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        kinds = {key for each in spec["volumes"] for key in each} - {"name"}
        assert kinds <= {"emptyDir", "secret", "persistentVolumeClaim"}
        for each in (*spec["containers"], *spec.get("initContainers", ())):
            assert each["securityContext"]["allowPrivilegeEscalation"] is False
            assert each["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_what_the_server_writes_is_on_volumes() -> None:
    spec = one(render(), "Deployment")["spec"]["template"]["spec"]
    server = spec["containers"][0]
    assert server["securityContext"]["readOnlyRootFilesystem"] is True
    writable = {each["mountPath"] for each in server["volumeMounts"] if not each.get("readOnly")}
    assert writable == {"/tmp", "/var/lib/launcher"}


def test_programs_of_users_get_no_token_of_kubernetes() -> None:
    objects = render(SCALED)
    ray = one(objects, "RayCluster")
    account = one(objects, "ServiceAccount", "ray-pods")["metadata"]["name"]
    for template in pod_templates(ray)[1:]:
        assert template["spec"]["serviceAccountName"] == account
        assert template["spec"]["automountServiceAccountToken"] is False
    # KubeRay binds the autoscaler's rights to the account of the cluster's name, or the head's.
    assert account != ray["metadata"]["name"]
    assert "serviceAccountName" not in pod_templates(ray)[0]["spec"]


JOBS = {"kubernetes": {"enabled": True, "namespace": "training"}}


def test_the_server_has_rights_only_where_it_makes_clusters_of_jobs() -> None:
    kinds = {each["kind"] for each in render()}
    assert not kinds & {"Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding"}
    objects = render(JOBS)
    rules = one(objects, "Role")["rules"]
    assert not any("*" in rule["verbs"] + rule["resources"] + rule["apiGroups"] for rule in rules)
    verbs = {rule["resources"][0]: rule["verbs"] for rule in rules}
    assert verbs["secrets"] == ["create"], "it reads nobody's"
    assert set(verbs) == {"rayjobs", "pods", "secrets"}
    with_kueue = render({"kubernetes": {**JOBS["kubernetes"], "kueue": True}})
    assert "workloads" in str(one(with_kueue, "Role")["rules"])
    subject = one(objects, "RoleBinding")["subjects"][0]["name"]
    spec = one(objects, "Deployment")["spec"]["template"]["spec"]
    assert (subject, spec["automountServiceAccountToken"]) == (spec["serviceAccountName"], True)
    # Beside the server's own Secrets and volume nobody else's pods are made.
    for kind in ("Role", "RoleBinding"):
        assert one(objects, kind)["metadata"]["namespace"] == "training"
    assert one(objects, "RoleBinding")["subjects"][0]["namespace"] == "ml"


def test_clusters_of_jobs_have_the_account_without_rights_too() -> None:
    account = one(render({**JOBS, "rayCluster": {"enabled": False}}), "ServiceAccount", "ray-pods")
    assert account["automountServiceAccountToken"] is False
    assert account["metadata"]["namespace"] == "training"
    names = [each["metadata"]["name"] for each in render(JOBS) if each["kind"] == "ServiceAccount"]
    assert names.count("train-launcher-ray-pods") == 2, "of the shared cluster, and of jobs"


def test_only_rays_own_pods_reach_ray() -> None:
    objects = render()
    policy = one(objects, "NetworkPolicy", "-ray")["spec"]
    own = {"matchLabels": {"ray.io/cluster": one(objects, "RayCluster")["metadata"]["name"]}}
    assert policy["podSelector"] == own
    assert policy["ingress"] == [{"from": [{"podSelector": own}]}]


def test_a_server_that_is_closed_stays_open_to_those_who_serve_it() -> None:
    ours = {"namespaceSelector": {"matchLabels": {"team": "vision"}}}
    values = {"networkPolicy": {"server": {"from": [ours]}}, **JOBS}
    [rule] = one(render(values), "NetworkPolicy", "-server")["spec"]["ingress"]
    server, ray, jobs, last = rule["from"]
    assert last == ours
    assert server["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "server"
    assert ray["podSelector"]["matchLabels"] == {"ray.io/cluster": "train-launcher-ray"}
    expected = {"key": "launcher/rayjob", "operator": "Exists"}
    assert jobs["podSelector"]["matchExpressions"] == [expected]
    there = {"kubernetes.io/metadata.name": "training"}
    assert jobs["namespaceSelector"]["matchLabels"] == there


def test_the_servers_service_leads_to_the_servers_pods_alone() -> None:
    objects = render()
    selector = one(objects, "Service")["spec"]["selector"].items()
    server = one(objects, "Deployment")["spec"]["template"]["metadata"]["labels"]
    assert selector <= server.items()
    for template in pod_templates(one(objects, "RayCluster")):
        assert not selector <= template["metadata"]["labels"].items()


# --- groups and tokens ----------------------------------------------------------------------------


def test_the_autoscaler_says_how_many_there_are() -> None:
    [group] = one(render(SCALED), "RayCluster")["spec"]["workerGroupSpecs"]
    assert (group["minReplicas"], group["maxReplicas"]) == (0, 4)
    assert "replicas" not in group, "an upgrade would set it back"


def test_groups_have_what_all_have_and_not_what_the_first_one_has() -> None:
    values = {
        "workerDefaults": {"tolerations": [{"operator": "Exists"}]},
        "worker": {"nodeSelector": {"gpu": "h100"}},
        "additionalWorkerGroups": {"cpu": {"resources": {"limits": {"cpu": 4}}}},
    }
    first, cpu = pod_templates(one(render(values), "RayCluster"))[1:]
    assert first["spec"]["tolerations"] == cpu["spec"]["tolerations"] == [{"operator": "Exists"}]
    assert first["spec"]["nodeSelector"] == {"gpu": "h100"}
    assert "nodeSelector" not in cpu["spec"]
    assert cpu["spec"]["containers"][0]["resources"] == {"limits": {"cpu": 4}}


def test_large_numbers_reach_ray_whole() -> None:
    values = {"worker": {"rayStartParams": {"object-store-memory": 12345678901, "x": 0.5}}}
    [group] = one(render(values), "RayCluster")["spec"]["workerGroupSpecs"]
    assert group["rayStartParams"]["object-store-memory"] == "12345678901"
    assert group["rayStartParams"]["x"] == "0.5"


def test_tokens_are_made_for_who_brings_none() -> None:
    tokens = [each for each in render() if each["kind"] == "Secret"]
    [admin], [executor] = (list(each["data"].values()) for each in tokens)
    assert len({admin, executor}) == 2
    assert re.fullmatch(r"[A-Za-z0-9]{43}", base64.b64decode(admin).decode())
    brought = {"admin": {"existingSecret": "a"}, "executor": {"existingSecret": "b", "key": "t"}}
    objects = render({"tokens": brought})
    assert not [each for each in objects if each["kind"] == "Secret"]
    spec = one(objects, "Deployment")["spec"]["template"]["spec"]
    assert volume(spec, "executor-token")["secret"]["items"] == [{"key": "t", "path": "token"}]
    assert "get secret a " in notes({"tokens": brought})


def test_links_lead_where_users_are() -> None:
    ingress = {"enabled": True, "host": "launcher.example.com", "tlsSecretName": "cert"}
    expected = {
        "http://localhost:8080": {},
        "https://launcher.example.com": {"ingress": ingress},
        "https://other.example.com": {"server": {"publicUrl": "https://other.example.com"}},
    }
    for url, values in expected.items():
        server = container(one(render(values), "Deployment")["spec"]["template"])
        assert f"--public-url={url}" in server["args"]


def container(template: Object) -> Object:
    found: Object = template["spec"]["containers"][0]
    return found


def mounted(of: Object, path: str) -> str:
    [name] = [m["name"] for m in of["volumeMounts"] if m["mountPath"].rstrip("/") == path]
    return str(name)


def volume(spec: Object, name: str) -> Object:
    [found] = [each for each in spec["volumes"] if each["name"] == name]
    return found


# --- the end of pods ------------------------------------------------------------------------------


def hooks(values: dict[str, Any]) -> list[dict[str, Any]]:
    templates = pod_templates(one(render(values), "RayCluster"))
    return [template["spec"]["containers"][0]["lifecycle"] for template in templates]


def test_ray_pods_wait_until_their_jobs_saved_and_left() -> None:
    assert hooks({"additionalWorkerGroups": {"spot": {}}}) == [_kuberay_hook.lifecycle()] * 3


def test_a_hook_of_ones_own_takes_the_place_of_ours_and_no_other_does() -> None:
    own, start = {"sleep": {"seconds": 5}}, {"exec": {"command": ["true"]}}
    of_head, of_worker = {"preStop": own}, {"postStart": start}
    found = hooks({"head": {"lifecycle": of_head}, "worker": {"lifecycle": of_worker}})
    assert found == [
        {"preStop": own},
        {"postStart": start, **_kuberay_hook.lifecycle()},
    ]
