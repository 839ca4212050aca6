{{/* What each controller needs for answers that stream for hours and uploads of any size. The server
     says X-Accel-Buffering: no in each stream; uploads and silence between lines are not told so. */}}
{{- define "launcher.ingress.annotations" -}}
ingress-nginx:
  nginx.ingress.kubernetes.io/proxy-buffering: "off"
  nginx.ingress.kubernetes.io/proxy-request-buffering: "off"
  nginx.ingress.kubernetes.io/proxy-body-size: "0"
  nginx.ingress.kubernetes.io/proxy-read-timeout: "3600"
  nginx.ingress.kubernetes.io/proxy-send-timeout: "3600"
nginx:
  nginx.org/proxy-buffering: "false"
  nginx.org/client-max-body-size: "0"
  nginx.org/proxy-read-timeout: 3600s
  nginx.org/proxy-send-timeout: 3600s
haproxy:
  haproxy.org/timeout-server: 1h
  haproxy.org/timeout-client: 1h
alb:
  alb.ingress.kubernetes.io/load-balancer-attributes: idle_timeout.timeout_seconds=3600
  alb.ingress.kubernetes.io/healthcheck-path: /readyz
  alb.ingress.kubernetes.io/target-type: ip
{{- end -}}
