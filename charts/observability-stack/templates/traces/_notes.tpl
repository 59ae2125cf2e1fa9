{{/* What an install with this part prints: how to see that it works, its policy, and what an uninstall leaves in AWS. */}}
{{- define "observability-stack.tracesNotes" -}}
{{- $traces := .Values.traces -}}
{{- if $traces.enabled -}}
{{- $namespace := .Release.Namespace -}}
{{- $region := .Values.cluster.region -}}
{{- $daemon := eq $traces.engine "xray-daemon" -}}
{{- $host := printf "%s.%s" (include "observability-stack.tracesServiceName" .) $namespace -}}
{{- $actions := list -}}
{{- range list "GetSamplingRules" "GetSamplingStatisticSummaries" "GetSamplingTargets" "PutTelemetryRecords" "PutTraceSegments" -}}
{{- $actions = append $actions (printf "xray:%s" .) -}}
{{- end -}}
Traces are taken by {{ ternary "the X-Ray daemon" "the OpenTelemetry collector" $daemon }} on every node, and sent to X-Ray in {{ $region }}. Applications find that of their own node by this environment:

  AWS_XRAY_DAEMON_ADDRESS={{ $host }}:2000    # X-Ray's SDKs
{{- if not $daemon }}
  OTEL_EXPORTER_OTLP_ENDPOINT=http://{{ $host }}:4318    # OpenTelemetry by HTTP; gRPC: port 4317
{{- else }}

The X-Ray daemon and X-Ray's SDKs are in maintenance since February 2026: AWS mends them, adds nothing, and recommends OpenTelemetry. The collector of AWS takes the same segments at the same address, and OTLP besides; applications notice nothing of this switch:

  traces:
    engine: otel
{{- end }}

Whether traces arrive, and, if not, what the pods say:

  aws xray get-trace-summaries --region {{ $region }} --start-time $(($(date +%s) - 600)) --end-time $(date +%s) --query 'TraceSummaries[].Id'
  kubectl logs --namespace {{ $namespace }} daemonset/{{ include "observability-stack.tracesName" . }}
{{- if .Values.networkPolicy.enabled }}

Every pod may send traces. The proxy at TCP 2000, which signs what it is sent, is open to pods of namespace {{ $namespace }}{{ if $traces.networkPolicy.proxyFrom }} and to the peers of traces.networkPolicy.proxyFrom{{ else }} alone; traces.networkPolicy.proxyFrom opens it to others, whose SDKs follow X-Ray's sampling rules then{{ end }}.
{{- end }}

The least policy of the role that writes traces; X-Ray knows no resources to name in it:

{{ include "observability-stack.policyDocument" (list (dict "Effect" "Allow" "Action" $actions "Resource" "*")) | indent 2 }}

{{ include "observability-stack.roleNotes" (dict "root" . "account" "traces" "component" "traces" "who" (ternary "the X-Ray daemon" "the collector" $daemon) "workload" (printf "daemonset/%s" (include "observability-stack.tracesName" .))) }}

X-Ray keeps traces for 30 days, after an uninstall too; nothing deletes them sooner, and keeping them costs nothing.
{{- end -}}
{{- end -}}
