{{/* Probes. */}}

{{/* A probe without its `enabled`; dict "probe" <map> "handler" <map>, used when the probe has no handler. */}}
{{- define "shared.probe" -}}
{{- $probe := omit .probe "enabled" -}}
{{- if not (or $probe.httpGet $probe.exec $probe.tcpSocket $probe.grpc) -}}
{{- $probe = ternary (merge (dict) $probe .handler) (dict) (gt (len .handler) 0) -}}
{{- end -}}
{{- $probe | toYaml -}}
{{- end -}}
