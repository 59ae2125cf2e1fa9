{{/* Checks of `traces`: memory limits and rolling updates. */}}
{{- define "observability-stack.checkTraces" -}}
{{- $traces := .Values.traces }}
{{- if $traces.enabled }}
{{- $daemon := eq $traces.engine "xray-daemon" }}
{{- /* The daemon uses 24 MiB besides its buffer; the collector needs headroom for garbage collection. */}}
{{- $given := ternary (dict "path" "traces.xrayDaemon" "option" "totalBufferSizeMB" "base" 24 "factor" 1)
  (dict "path" "traces.otel" "option" "limitMib" "base" 0 "factor" 1.25) $daemon }}
{{- include "observability-stack.rejectBuffer" (set $given "block" (ternary $traces.xrayDaemon $traces.otel $daemon)) }}
{{- include "observability-stack.reject" (list (and $traces.hostPort (not (has (dig "rollingUpdate" "maxSurge" 0 $traces.updateStrategy | toString) (list "0" "0%"))))
  "`traces.hostPort` is true, but `traces.updateStrategy` starts the new pod while the old one still holds the node's port."
  "traces.updateStrategy" (dict "type" "RollingUpdate" "rollingUpdate" (dict "maxSurge" 0 "maxUnavailable" "10%"))) }}
{{- end }}
{{- end -}}
