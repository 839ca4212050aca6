{{/* Names, labels, images and addresses that several templates say. */}}

{{- define "launcher.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{ .Values.fullnameOverride }}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}{{ .Release.Name }}{{- else -}}{{ .Release.Name }}-{{ $name }}{{- end -}}
{{- end -}}
{{- end -}}

{{- define "launcher.server.name" -}}{{ include "launcher.fullname" . }}-server{{- end -}}
{{- define "launcher.ray.name" -}}{{ include "launcher.fullname" . }}-ray{{- end -}}

{{/* The account of Ray's pods. Not the Ray cluster's own name: KubeRay gives the account of that name
     the rights of its autoscaler. */}}
{{- define "launcher.ray.account" -}}{{ include "launcher.fullname" . }}-ray-pods{{- end -}}

{{/* Of objects that may change with every version of the chart. */}}
{{- define "launcher.server.labels" -}}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version | replace "+" "_" }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: launcher
{{ include "launcher.server.selector" . }}
{{- end -}}

{{- define "launcher.server.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: server
{{- end -}}

{{/* Of the Ray cluster: nothing of the chart's version, so that an upgrade of the server leaves it
     as it is. */}}
{{- define "launcher.ray.labels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: ray
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: launcher
{{- end -}}

{{- define "launcher.server.account" -}}
{{ default (include "launcher.server.name" .) .Values.server.serviceAccountName }}
{{- end -}}

{{- define "launcher.server.image" -}}
{{ .Values.server.image.repository }}:{{ default .Chart.AppVersion .Values.server.image.tag }}
{{- end -}}

{{/* Argument: a list of images, the later ones fill in what the earlier ones leave empty. */}}
{{- define "launcher.image" -}}
{{- $repository := "" -}}{{- $tag := "" -}}
{{- range . -}}
{{- $repository = default .repository $repository -}}{{- $tag = default .tag $tag -}}
{{- end -}}
{{ $repository }}:{{ $tag }}
{{- end -}}

{{- define "launcher.pullPolicy" -}}
{{- $policy := "" -}}
{{- range . -}}{{- $policy = default .pullPolicy $policy -}}{{- end -}}
{{ default "IfNotPresent" $policy }}
{{- end -}}

{{- define "launcher.server.scheme" -}}{{ ternary "https" "http" (ne .Values.server.tls.secretName "") }}{{- end -}}

{{/* As pods of the cluster reach the server. */}}
{{- define "launcher.server.url" -}}
{{- if .Values.executor.serverUrl -}}
{{ .Values.executor.serverUrl }}
{{- else -}}
{{ include "launcher.server.scheme" . }}://{{ include "launcher.server.name" . }}.{{ .Release.Namespace }}.svc:{{ .Values.server.service.port }}
{{- end -}}
{{- end -}}

{{/* As users reach it. */}}
{{- define "launcher.publicUrl" -}}
{{- if .Values.server.publicUrl -}}
{{ .Values.server.publicUrl }}
{{- else if .Values.ingress.enabled -}}
{{ ternary "https" "http" (ne .Values.ingress.tlsSecretName "") }}://{{ .Values.ingress.host }}
{{- else -}}
{{- /* What a port-forward gives, as NOTES.txt says it. */ -}}
{{ include "launcher.server.scheme" . }}://localhost:8080
{{- end -}}
{{- end -}}

{{- define "launcher.admin.secret" -}}
{{ default (printf "%s-admin" (include "launcher.fullname" .)) .Values.tokens.admin.existingSecret }}
{{- end -}}
{{- define "launcher.executor.secret" -}}
{{ default (printf "%s-executor" (include "launcher.fullname" .)) .Values.tokens.executor.existingSecret }}
{{- end -}}

{{- define "launcher.claim" -}}
{{ default (printf "%s-state" (include "launcher.fullname" .)) .Values.server.persistence.existingClaim }}
{{- end -}}

{{/* "token" where Ray shall ask for one. */}}
{{- define "launcher.ray.authMode" -}}
{{- if .Values.rayCluster.authMode -}}
{{ .Values.rayCluster.authMode }}
{{- else if semverCompare ">=2.52.0-0" (toString .Values.head.rayVersion) -}}
token
{{- else -}}
disabled
{{- end -}}
{{- end -}}
