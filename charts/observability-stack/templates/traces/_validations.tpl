{{/* What is wrong with `traces`: memory that the engine's limit cannot hold, and updates that Kubernetes refuses. */}}
{{- define "observability-stack.checkTraces" -}}
{{- $traces := .Values.traces }}
{{- if $traces.enabled }}
{{- $daemon := eq $traces.engine "xray-daemon" }}
{{- $key := ternary "xrayDaemon" "otel" $daemon }}
{{- $limit := dig "limits" "memory" "" (get $traces $key).resources | toString }}
{{- $unit := get (dict "Mi" 1 "Gi" 1024) (regexFind "[A-Za-z]+$" $limit) }}
{{- if $unit }}
{{- $room := mulf (regexFind "^[0-9.]+" $limit | float64) $unit | floor | int }}
{{- $asked := ternary $traces.xrayDaemon.bufferMegabytes $traces.otel.memoryLimitMegabytes $daemon | int }}
{{- /* What the daemon takes besides its buffer, and what Go leaves to its collector of garbage. */}}
{{- $needed := ternary (add $asked 24) (div (mul $asked 5) 4) $daemon | int }}
{{- if gt $needed $room }}
traces.{{ $key }}.{{ ternary "bufferMegabytes" "memoryLimitMegabytes" $daemon }} is {{ $asked }}, and the container's limit of {{ $limit }} would be reached before it: the kernel would kill the engine, and what waits in it would be lost. Write:
traces:
  {{ $key }}:
    resources:
      limits:
        memory: {{ $needed }}Mi{{ "\f" }}
{{- end }}
{{- end }}
{{- if and $traces.hostPort (not (has (dig "rollingUpdate" "maxSurge" 0 $traces.updateStrategy | toString) (list "0" "0%"))) }}
traces.hostPort is true, and traces.updateStrategy starts a new pod beside the old one, for which the node's port is not free. Write:
traces:
  updateStrategy:
    type: RollingUpdate
    rollingUpdate:
      maxSurge: 0
      maxUnavailable: 10%{{ "\f" }}
{{- end }}
{{- end }}
{{- end -}}
