{{/* What a Ray pod does before Kubernetes ends it: it tells agents and executor, and waits until all
     that ran here has saved and left, as long as terminationGracePeriodSeconds. It needs no launcher
     in the image. The same line as in launcher/clusters/_kuberay_hook.py. */}}
{{- define "launcher.hook" -}}
d="${LAUNCHER_SPOOL_ROOT:-${TMPDIR:-/tmp}/launcher-$(id -u)}"; mkdir -p -m 700 "$d"; echo "Kubernetes ends pod $HOSTNAME" > "$d/leaving"; here() { for f in "$d"/present/*; do [ -e "/proc/${f##*/}" ] && return; done; false; }; sleep 3; while here; do sleep 1; done
{{- end -}}
