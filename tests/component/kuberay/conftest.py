import pytest
from kube_server import KubeServer

from launcher.clusters._kube_api import KubeApi


@pytest.fixture
def kube():
    with KubeServer() as server:
        yield server


@pytest.fixture
def api(kube, tmp_path):
    made = KubeApi("default", kubeconfig=str(kube.kubeconfig(tmp_path)))
    yield made
    made.close()
