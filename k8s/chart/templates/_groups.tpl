{{/* The groups of pods of the Ray cluster. */}}

{{/* "true" where a value is a number: an empty one may be null, or not be there at all. */}}
{{- define "launcher.isNumber" -}}
{{- if has (kindOf .) (list "int" "int64" "float64") -}}true{{- end -}}
{{- end -}}

{{/* A group of workers with what it leaves out filled in, as JSON. Argument: root, group, name. */}}
{{- define "launcher.group" -}}
{{- $group := mustMergeOverwrite (deepCopy .root.Values.workerDefaults) (deepCopy .group) -}}
{{- if hasKey .group "resources" -}}{{- $_ := set $group "resources" .group.resources -}}{{- end -}}
{{- $_ := set $group "groupName" .name -}}
{{- $replicas := int $group.replicas -}}
{{- if not (include "launcher.isNumber" (get $group "maxReplicas")) -}}{{- $_ := set $group "maxReplicas" $replicas -}}{{- end -}}
{{- if not (include "launcher.isNumber" (get $group "minReplicas")) -}}
{{- $_ := set $group "minReplicas" (ternary 0 (min $replicas (int $group.maxReplicas)) .root.Values.head.enableInTreeAutoscaling) -}}
{{- end -}}
{{ toJson $group }}
{{- end -}}

{{/* All groups of workers that are on, as a JSON list. */}}
{{- define "launcher.groups" -}}
{{- $groups := list -}}
{{- $first := include "launcher.group" (dict "root" . "group" .Values.worker "name" .Values.worker.groupName) | fromJson -}}
{{- if not $first.disabled -}}{{- $groups = append $groups $first -}}{{- end -}}
{{- range $name, $group := .Values.additionalWorkerGroups -}}
{{- $full := include "launcher.group" (dict "root" $ "group" (default dict $group) "name" $name) | fromJson -}}
{{- if not $full.disabled -}}{{- $groups = append $groups $full -}}{{- end -}}
{{- end -}}
{{ toJson $groups }}
{{- end -}}

{{/* The name of the volume at a path, where the group mounts one of its own there, else ours.
     Argument: group, path, ours. */}}
{{- define "launcher.volumeAt" -}}
{{- $name := .ours -}}
{{- $path := .path -}}
{{- range .group.volumeMounts -}}
{{- if eq (trimSuffix "/" .mountPath) $path -}}{{- $name = .name -}}{{- end -}}
{{- end -}}
{{ $name }}
{{- end -}}

{{/* Our volumes of a Ray pod: [{name, mountPath, volume}], without those whose place the group
     takes itself. They are named as KubeRay names its own, which it shares with its autoscaler. */}}
{{- define "launcher.volumes" -}}
{{- $shm := dict "name" "shared-mem" "mountPath" "/dev/shm" "volume" (dict "emptyDir" (dict "medium" "Memory" "sizeLimit" .group.sharedMemorySize)) -}}
{{- $logs := dict "name" "ray-logs" "mountPath" "/tmp/ray" "volume" (dict "emptyDir" dict) -}}
{{- $spool := dict "name" "spool" "mountPath" .root.Values.spool.mountPath "volume" (.root.Values.spool.volume | default (dict "emptyDir" dict)) -}}
{{- $wanted := list $shm $logs $spool -}}
{{- with .root.Values.executor.ca -}}
{{- if .secretName -}}
{{- $items := list (dict "key" .key "path" "ca.crt") -}}
{{- $wanted = append $wanted (dict "name" "launcher-ca" "mountPath" "/etc/launcher/ca" "readOnly" true "volume" (dict "secret" (dict "secretName" .secretName "items" $items))) -}}
{{- end -}}
{{- end -}}
{{- $ours := list -}}
{{- range $wanted -}}
{{- if eq .name (include "launcher.volumeAt" (dict "group" $.group "path" .mountPath "ours" .name)) -}}
{{- $ours = append $ours . -}}
{{- end -}}
{{- end -}}
{{ toJson $ours }}
{{- end -}}

{{/* What raylets of ours have too: ranks at normal niceness, whom Ray does not kill for memory, and two
     workers that wait for agents instead of one for each CPU. */}}
{{- define "launcher.ray.environment" -}}
- {name: RAY_worker_niceness, value: "0"}
- {name: RAY_memory_monitor_refresh_ms, value: "0"}
- {name: RAY_worker_maximum_startup_concurrency, value: "2"}
- {name: RAY_USAGE_STATS_ENABLED, value: "0"}
- {name: LAUNCHER_SPOOL_ROOT, value: {{ printf "%s/launcher" .Values.spool.mountPath | quote }}}
{{- if .Values.executor.ca.secretName }}
- {name: LAUNCHER_CA, value: /etc/launcher/ca/ca.crt}
{{- end }}
{{- end -}}

{{/* Both lists of environment variables as one, as YAML: what `said` names counts. */}}
{{- define "launcher.env" -}}
{{- $env := .said -}}
{{- $names := list -}}{{- range $env -}}{{- $names = append $names .name -}}{{- end -}}
{{- range .ours -}}
{{- if not (has .name $names) -}}{{- $env = append $env . -}}{{- end -}}
{{- end -}}
{{ toYaml $env }}
{{- end -}}

{{/* Pod template of a group. Argument: root, group, container (name), image (list), account,
     sidecars (text of init containers that come first), shareProcesses. */}}
{{- define "launcher.pod" -}}
{{- $volumes := include "launcher.volumes" (dict "root" .root "group" .group) | fromJsonArray -}}
{{- $said := concat .root.Values.common.containerEnv .group.containerEnv -}}
{{- $ours := include "launcher.ray.environment" .root | fromYamlArray -}}
{{- $lifecycle := deepCopy .group.lifecycle -}}
{{- if not (hasKey $lifecycle "preStop") -}}
{{- $_ := set $lifecycle "preStop" (dict "exec" (dict "command" (list "/bin/sh" "-c" (include "launcher.hook" .root)))) -}}
{{- end -}}
metadata:
  labels:
    {{- include "launcher.ray.labels" .root | nindent 4 }}
    {{- with .group.labels }}{{ toYaml . | nindent 4 }}{{ end }}
  {{- with .group.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- with .account }}
  serviceAccountName: {{ . }}
  {{- end }}
  {{- if .noToken }}
  automountServiceAccountToken: false
  {{- end }}
  enableServiceLinks: false
  {{- if .shareProcesses }}
  shareProcessNamespace: true
  {{- end }}
  terminationGracePeriodSeconds: {{ default (add .root.Values.graceSeconds 30) (get .group "terminationGracePeriodSeconds") | int }}
  {{- with .group.podSecurityContext }}
  securityContext:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- if or .sidecars .group.initContainers }}
  initContainers:
    {{- with .group.initContainers }}{{ toYaml . | nindent 4 }}{{ end }}
    {{- with .sidecars }}{{ . | nindent 4 }}{{ end }}
  {{- end }}
  containers:
    - name: {{ .container }}
      image: {{ include "launcher.image" .image | quote }}
      imagePullPolicy: {{ include "launcher.pullPolicy" .image }}
      {{- range $key := list "command" "args" "envFrom" "ports" "resources" "securityContext" }}
      {{- with get $.group $key }}
      {{ $key }}:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- end }}
      lifecycle:
        {{- toYaml $lifecycle | nindent 8 }}
      env:
        {{- include "launcher.env" (dict "said" $said "ours" $ours) | nindent 8 }}
      volumeMounts:
        {{- range $volumes }}
        - {name: {{ .name }}, mountPath: {{ .mountPath }}{{ if .readOnly }}, readOnly: true{{ end }}}
        {{- end }}
        {{- with .group.volumeMounts }}{{ toYaml . | nindent 8 }}{{ end }}
    {{- with .group.sidecarContainers }}{{ toYaml . | nindent 4 }}{{ end }}
  volumes:
    {{- range $volumes }}
    - {{ set .volume "name" .name | toYaml | nindent 6 | trim }}
    {{- end }}
    {{- with .moreVolumes }}{{ . | nindent 4 }}{{ end }}
    {{- with .group.volumes }}{{ toYaml . | nindent 4 }}{{ end }}
  {{- with .root.Values.imagePullSecrets }}
  imagePullSecrets:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with get .group "priority" }}
  priority: {{ int . }}
  {{- end }}
  {{- range $key := list "restartPolicy" "runtimeClassName" "priorityClassName" }}
  {{- with get $.group $key }}
  {{ $key }}: {{ . }}
  {{- end }}
  {{- end }}
  {{- range $key := list "nodeSelector" "tolerations" "affinity" "topologySpreadConstraints" "resourceClaims" "dnsConfig" }}
  {{- with get $.group $key }}
  {{ $key }}:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- end }}
{{- end -}}

{{/* Ray's start parameters and node labels: strings, whatever the values were written as. */}}
{{- define "launcher.strings" -}}
{{- range $key, $value := . }}
{{- if and (kindIs "float64" $value) (eq (toString (floor $value)) (toString $value)) }}
{{ $key }}: {{ printf "%.0f" $value | quote }}
{{- else }}
{{ $key }}: {{ toString $value | quote }}
{{- end }}
{{- end }}
{{- end -}}
