"""What is in k8s/, without a cluster: rendered by Helm as a library."""

from __future__ import annotations

from importlib.util import find_spec

HAS_HELM = find_spec("helm_python") is not None
collect_ignore_glob = [] if HAS_HELM else ["test_*.py"]


def pytest_report_header() -> str:
    if HAS_HELM:
        return ""
    return "tests/component/k8s: none, for there is no helm-python-sdk: pip install -e '.[chart]'"
