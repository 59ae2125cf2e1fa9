{{/* Command-line flags of Prometheus: dict "root" $ "instance" <item of prometheusInstances>. */}}
{{- define "observability-stack.prometheusArgs" -}}
{{- $server := .root.Values.server -}}
- --config.file=/etc/prometheus/{{ .instance.file }}
- --web.listen-address=:{{ $server.service.port | int }}
- --log.level={{ $server.logLevel }}
{{- if include "observability-stack.prometheusIsAgent" .root }}
- --agent
- --storage.agent.path=/prometheus
- --storage.agent.retention.max-time={{ $server.wal.maxTime }}
{{- else }}
- --storage.tsdb.path=/prometheus
- --storage.tsdb.retention.time={{ $server.retention.time }}
{{- with $server.retention.size }}
- --storage.tsdb.retention.size={{ . }}
{{- end }}
{{- end }}
{{- end -}}
