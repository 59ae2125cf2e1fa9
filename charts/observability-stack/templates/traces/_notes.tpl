{{- define "observability-stack.tracesNotes" -}}
{{- $traces := .Values.traces -}}
{{- if $traces.enabled -}}
{{- $namespace := .Release.Namespace -}}
{{- $region := .Values.cluster.region -}}
{{- $daemon := eq $traces.engine "xray-daemon" -}}
{{- $host := printf "%s.%s" (include "observability-stack.tracesServiceName" .) $namespace -}}
{{ ternary "The X-Ray daemon" "The ADOT Collector" $daemon }} receives traces on every Linux node, and sends them to X-Ray in {{ $region }}. Set {{ ternary "this environment variable" "these environment variables" $daemon }} in applications, to send traces to the agent of their own node:

  AWS_XRAY_DAEMON_ADDRESS={{ $host }}:2000    # X-Ray SDKs
{{- if not $daemon }}
  OTEL_EXPORTER_OTLP_ENDPOINT=http://{{ $host }}:4318    # OpenTelemetry over HTTP; port of gRPC: 4317
{{- else }}

The X-Ray daemon and the X-Ray SDKs are in maintenance mode since February 2026: AWS fixes them, adds no features, and recommends OpenTelemetry. The ADOT Collector accepts the same segments at the same address, and OTLP, too. You can switch without changing applications:

  traces:
    engine: otel
{{- end }}

To check that traces arrive, and to see errors:

  aws xray get-trace-summaries --region {{ $region }} --start-time $(($(date +%s) - 600)) --end-time $(date +%s) --query 'TraceSummaries[].Id'
  kubectl logs --namespace {{ $namespace }} daemonset/{{ include "observability-stack.tracesName" . }}
{{- if .Values.networkPolicy.enabled }}

Every pod can send traces. The proxy at TCP 2000 signs requests with the agent's role, so {{ if $traces.networkPolicy.proxyFrom }}only pods of namespace {{ $namespace }} and the peers in traces.networkPolicy.proxyFrom have access to it{{ else }}only pods of namespace {{ $namespace }} have access to it. SDKs request X-Ray's sampling rules from it: to admit applications of other namespaces, set traces.networkPolicy.proxyFrom{{ end }}.
{{- end }}

The least-privilege policy of the role of {{ ternary "the X-Ray daemon" "the collector" $daemon }}. X-Ray supports no resource-level permissions for these actions:

{{ include "observability-stack.policyDocument" (list (include "observability-stack.xrayStatement" . | fromJson)) | indent 2 }}

{{ include "observability-stack.roleNotes" (dict "root" . "component" "traces" "who" (ternary "the X-Ray daemon" "the collector" $daemon) "workload" (printf "daemonset/%s" (include "observability-stack.tracesName" .))) }}

X-Ray keeps traces for 30 days, also after uninstalling. They cannot be deleted earlier, and storing them is free.
{{- end -}}
{{- end -}}
