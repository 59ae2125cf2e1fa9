{{/* Configuration of the trace collector, by `traces.engine`. */}}

{{/* Values of the pods, as JSON: `traces` merged with the values of its engine. */}}
{{- define "observability-stack.tracesValues" -}}
{{- $traces := .Values.traces -}}
{{- /* Surge, since traces are lost while a node has no pod; with a host port, two pods cannot run at once. */ -}}
{{- $rolling := dict "maxSurge" (ternary 0 "10%" $traces.hostPort) "maxUnavailable" (ternary "10%" 0 $traces.hostPort) -}}
{{- $strategy := $traces.updateStrategy | default (dict "type" "RollingUpdate" "rollingUpdate" $rolling) -}}
{{- $engine := get $traces (ternary "xrayDaemon" "otel" (eq $traces.engine "xray-daemon")) -}}
{{- mergeOverwrite (dict) $traces $engine (dict "updateStrategy" $strategy) | toJson -}}
{{- end -}}

{{- define "observability-stack.tracesName" -}}
{{- include "observability-stack.componentName" (dict "root" . "component" "traces") -}}
{{- end -}}

{{- define "observability-stack.tracesServiceName" -}}
{{- default (include "observability-stack.tracesName" .) .Values.traces.service.name -}}
{{- end -}}

{{/* Ports of the engine, as a JSON list; both engines have the ports of X-Ray. */}}
{{- define "observability-stack.tracesPorts" -}}
{{- $ports := list
  (dict "name" "xray-udp" "port" 2000 "protocol" "UDP")
  (dict "name" "xray-tcp" "port" 2000 "protocol" "TCP")
-}}
{{- if eq .Values.traces.engine "otel" -}}
{{- $ports = concat $ports (list
  (dict "name" "otlp-grpc" "port" 4317 "protocol" "TCP")
  (dict "name" "otlp-http" "port" 4318 "protocol" "TCP")
) -}}
{{- end -}}
{{- $ports | toJson -}}
{{- end -}}

{{- define "observability-stack.tracesIngress" -}}
{{- $ports := include "observability-stack.tracesPorts" . | fromJsonArray -}}
{{- include "observability-stack.signalIngress" (dict "ports" $ports "proxy" "xray-tcp" "from" .Values.traces.networkPolicy.proxyFrom) -}}
{{- end -}}

{{/* Configuration file of the engine, as YAML. */}}
{{- define "observability-stack.tracesConfig" -}}
{{- $traces := .Values.traces -}}
{{- $region := .Values.cluster.region -}}
{{- $url := include "observability-stack.awsUrl" (dict "root" . "service" "xray") -}}
{{- /* Left alone, the proxies of both programs always use this host. */ -}}
{{- $usual := printf "https://xray.%s.amazonaws.com" $region -}}
{{- $endpoint := $traces.endpoint | default (eq $url $usual | ternary "" $url) -}}
{{- if eq $traces.engine "xray-daemon" -}}
{{- /* The daemon's default buffer is 1% of the node's memory, regardless of the container's limit. */ -}}
{{- dict
  "Version" 2
  "TotalBufferSizeMB" (int $traces.xrayDaemon.totalBufferSizeMB)
  "Region" $region
  "Endpoint" $endpoint
  "LocalMode" true
  "Logging" (dict "LogLevel" $traces.logLevel)
| toYaml -}}
{{- else -}}
{{- $limit := int $traces.otel.limitMib -}}
{{- /* An address without a host also listens on IPv6. */ -}}
{{- $proxy := dict "endpoint" ":2000" "region" $region "local_mode" true -}}
{{- $exporter := dict "region" $region "local_mode" true "indexed_attributes" $traces.otel.indexedAttributes -}}
{{- with $endpoint -}}
{{- $_ := set $proxy "aws_endpoint" . -}}
{{- $_ := set $exporter "endpoint" . -}}
{{- end -}}
{{- dict
  "extensions" (dict "health_check" (dict "endpoint" ":13133"))
  "receivers" (dict
    "awsxray" (dict "endpoint" ":2000" "transport" "udp" "proxy_server" $proxy)
    "otlp" (dict "protocols" (dict "grpc" (dict "endpoint" ":4317") "http" (dict "endpoint" ":4318")))
  )
  "processors" (dict
    "memory_limiter" (dict "check_interval" "1s" "limit_mib" $limit "spike_limit_mib" (div $limit 4))
    "batch" (dict "timeout" "1s" "send_batch_size" 50)
  )
  "exporters" (dict "awsxray" $exporter)
  "service" (dict
    "extensions" (list "health_check")
    "pipelines" (dict "traces" (dict
      "receivers" (list "awsxray" "otlp")
      "processors" (list "memory_limiter" "batch")
      "exporters" (list "awsxray")
    ))
    "telemetry" (dict "logs" (dict "level" $traces.logLevel))
  )
| toYaml -}}
{{- end -}}
{{- end -}}

{{- define "observability-stack.tracesData" -}}
{{- dict "config.yaml" (printf "%s\n" (include "observability-stack.tracesConfig" .)) | toYaml -}}
{{- end -}}
