"""What a Ray pod of ours does before Kubernetes ends it: it lets its jobs save, and waits for them.

A line of shell, since it also runs in images without launcher. The chart has the same line
(k8s/chart/templates/_hook.tpl); `launcher.executor.leaving` is its other half. The server may see
the pod's deletion earlier or later: whoever is first is told.
"""

from __future__ import annotations

from typing import Any

_NOTICED_S = 3
"""So long agents and executor may take to hear of it."""
HOOK = (
    'd="${LAUNCHER_SPOOL_ROOT:-${TMPDIR:-/tmp}/launcher-$(id -u)}"; '
    'mkdir -p -m 700 "$d"; echo "Kubernetes ends pod $HOSTNAME" > "$d/leaving"; '
    'here() { for f in "$d"/present/*; do [ -e "/proc/${f##*/}" ] && return; done; false; }; '
    f"sleep {_NOTICED_S}; while here; do sleep 1; done"
)


def lifecycle() -> dict[str, Any]:
    """Of the Ray container of a pod."""
    return {"preStop": {"exec": {"command": ["/bin/sh", "-c", HOOK]}}}
