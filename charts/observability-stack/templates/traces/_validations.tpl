{{/* Checks of `traces`: memory limits and rolling updates. */}}
{{- define "observability-stack.checkTraces" -}}
{{- $traces := .Values.traces }}
{{- if $traces.enabled }}
{{- $daemon := eq $traces.engine "xray-daemon" }}
{{- $key := ternary "xrayDaemon" "otel" $daemon }}
{{- $limit := dig "limits" "memory" "" (get $traces $key).resources | toString }}
{{- $unit := get (dict "Mi" 1 "Gi" 1024) (regexFind "[A-Za-z]+$" $limit) }}
{{- if $unit }}
{{- $room := mulf (regexFind "^[0-9.]+" $limit | float64) $unit | floor | int }}
{{- $option := ternary "totalBufferSizeMB" "limitMib" $daemon }}
{{- $asked := get (get $traces $key) $option | int }}
{{- /* The daemon uses 24 MiB besides its buffer; the collector needs headroom for garbage collection. */}}
{{- $needed := ternary (add $asked 24) (div (mul $asked 5) 4) $daemon | int }}
{{- include "observability-stack.reject" (list (gt $needed $room)
  (printf "`traces.%s.%s` is %d, but the container's memory limit is %s: the container would be OOM-killed, and buffered traces would be lost." $key $option $asked $limit)
  (printf "traces.%s.resources.limits.memory" $key) (printf "%dMi" $needed)) }}
{{- end }}
{{- include "observability-stack.reject" (list (and $traces.hostPort (not (has (dig "rollingUpdate" "maxSurge" 0 $traces.updateStrategy | toString) (list "0" "0%"))))
  "`traces.hostPort` is true, but `traces.updateStrategy` starts the new pod while the old one still holds the node's port."
  "traces.updateStrategy" (dict "type" "RollingUpdate" "rollingUpdate" (dict "maxSurge" 0 "maxUnavailable" "10%"))) }}
{{- end }}
{{- end -}}
