{{/* The executor: a sidecar of the head pod, which Kubernetes restarts by itself even where KubeRay
     forbids restarts of the pod's containers, as it does with autoscaler v2. It joins Ray as a driver:
     by the head's /tmp/ray, its /dev/shm and its processes. */}}
{{- define "launcher.executor" -}}
{{- $image := list .Values.executor.image .Values.head.image .Values.image -}}
- name: executor
  image: {{ include "launcher.image" $image | quote }}
  imagePullPolicy: {{ include "launcher.pullPolicy" $image }}
  restartPolicy: Always
  command: [launcher, executor]
  args:
    - --server={{ include "launcher.server.url" . }}
    - --cluster={{ .Values.executor.cluster }}
    - --ray-address=auto
    - --prepared  # by launcher.ray.environment
    - --token-file=/etc/launcher/executor/token
    - --log-format={{ .Values.executor.logFormat }}
  env:
    {{- $said := concat .Values.common.containerEnv .Values.executor.containerEnv }}
    {{- $ours := include "launcher.executor.environment" . | fromYamlArray }}
    {{- include "launcher.env" (dict "said" $said "ours" $ours) | nindent 4 }}
  {{- with .Values.executor.resources }}
  resources:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.executor.securityContext }}
  securityContext:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  volumeMounts:
    - {name: executor-tmp, mountPath: /tmp}
    - {name: {{ include "launcher.volumeAt" (dict "group" .Values.head "path" "/tmp/ray" "ours" "ray-logs") }}, mountPath: /tmp/ray}
    - {name: {{ include "launcher.volumeAt" (dict "group" .Values.head "path" "/dev/shm" "ours" "shared-mem") }}, mountPath: /dev/shm}
    - {name: {{ include "launcher.volumeAt" (dict "group" .Values.head "path" .Values.spool.mountPath "ours" "spool") }}, mountPath: {{ .Values.spool.mountPath }}}
    {{- if .Values.executor.ca.secretName }}
    - {name: launcher-ca, mountPath: /etc/launcher/ca, readOnly: true}
    {{- end }}
    - {name: executor-token, mountPath: /etc/launcher/executor, readOnly: true}
{{- end -}}

{{/* KubeRay makes the Secret with Ray's token, and tells it to Ray's own containers alone. So it does
     with the name of the cluster, by which the executor reads how far its groups may grow. */}}
{{- define "launcher.executor.environment" -}}
{{ include "launcher.ray.environment" . }}
- {name: HOME, value: /tmp}
- {name: PYTHONDONTWRITEBYTECODE, value: "1"}
- {name: RAY_AUTH_MODE, value: {{ include "launcher.ray.authMode" . }}}
{{- if eq (include "launcher.ray.authMode" .) "token" }}
- name: RAY_AUTH_TOKEN
  valueFrom:
    secretKeyRef: {name: {{ include "launcher.ray.name" . }}, key: auth_token}
{{- end }}
{{- if .Values.head.enableInTreeAutoscaling }}
- {name: RAY_CLUSTER_NAME, value: {{ include "launcher.ray.name" . }}}
- {name: RAY_CLUSTER_NAMESPACE, value: {{ .Release.Namespace }}}
{{- end }}
{{- end -}}

{{- define "launcher.executor.volumes" -}}
- name: executor-tmp
  emptyDir: {}
- name: executor-token
  secret:
    secretName: {{ include "launcher.executor.secret" . }}
    items: [{key: {{ .Values.tokens.executor.key }}, path: token}]
{{- end -}}
