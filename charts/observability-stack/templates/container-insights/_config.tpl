{{/* The configuration of the CloudWatch agent, and of the add-on that installs the same agent. */}}

{{/* Whether this chart runs the agent; it does not where the add-on does. Argument: the root. */}}
{{- define "observability-stack.runsInsights" -}}
{{- $insights := .Values.containerInsights -}}
{{- if and $insights.enabled (eq $insights.installer "chart") }}true{{ end -}}
{{- end -}}

{{/* Whether a DaemonSet of the agent runs on Windows nodes too. Argument: the root. */}}
{{- define "observability-stack.runsWindowsInsights" -}}
{{- if and (include "observability-stack.runsInsights" .) .Values.containerInsights.windows.enabled }}true{{ end -}}
{{- end -}}

{{/* The log group of the metrics, whose name the agent fixes. Argument: the root. */}}
{{- define "observability-stack.performanceGroup" -}}
/aws/containerinsights/{{ .Values.cluster.name }}/performance
{{- end -}}

{{/*
The agent's configuration as a JSON map: dict "root" $, and "windows" true for Windows nodes, whose agent knows nothing
of applications. The agent ignores a key that it does not know; the schema of the values does not.
*/}}
{{- define "observability-stack.insightsConfig" -}}
{{- $insights := .root.Values.containerInsights -}}
{{- $kubernetes := dict
  "cluster_name" .root.Values.cluster.name
  "enhanced_container_insights" $insights.metrics.enhanced
  "accelerated_compute_metrics" $insights.metrics.accelerated
  "disable_metric_extraction" (not $insights.metrics.extract)
  "metrics_collection_interval" (int $insights.interval)
  "prefer_full_pod_name" $insights.preferFullPodName
  "tag_service" $insights.tagService
-}}
{{- $collected := dict "kubernetes" $kubernetes -}}
{{- $config := dict "agent" (dict "region" .root.Values.cluster.region) -}}
{{- if and $insights.applicationSignals.enabled (not .windows) -}}
{{- $_ := set $collected "application_signals" (dict "hosted_in" .root.Values.cluster.name) -}}
{{- $_ := set $config "traces" (dict "traces_collected" (dict "application_signals" dict)) -}}
{{- end -}}
{{- $logs := dict "metrics_collected" $collected "force_flush_interval" (int $insights.flushInterval) -}}
{{- with $insights.endpoint }}{{ $_ := set $logs "endpoint_override" . }}{{ end -}}
{{- $_ := set $config "logs" $logs -}}
{{- if $insights.debug }}{{ $_ := set $config.agent "debug" true }}{{ end -}}
{{- if $insights.dualStack }}{{ $_ := set $config.agent "use_dualstack_endpoint" true }}{{ end -}}
{{- $config | toJson -}}
{{- end -}}

{{/* What the agent answers probes with; it is OpenTelemetry's, and the agent takes it beside its own configuration. */}}
{{- define "observability-stack.insightsHealth" -}}
{{- dict "extensions" (dict "health_check" (dict "endpoint" (printf "0.0.0.0:%d" (int .Values.containerInsights.healthPort))))
  "service" (dict "extensions" (list "health_check")) | toYaml -}}
{{- end -}}

{{/* The files of the ConfigMap. Argument: the root. */}}
{{- define "observability-stack.insightsData" -}}
cwagentconfig.json: |
  {{- include "observability-stack.insightsConfig" (dict "root" .) | fromJson | toPrettyJson | nindent 2 }}
health.yaml: |
  {{- include "observability-stack.insightsHealth" . | nindent 2 }}
{{- if include "observability-stack.runsWindowsInsights" . }}
windows.json: |
  {{- include "observability-stack.insightsConfig" (dict "root" . "windows" true) | fromJson | toPrettyJson | nindent 2 }}
{{- end }}
{{- end -}}

{{/*
The add-on's configuration as a JSON map: the same agent, and what the add-on would run besides only where it was asked
for. Argument: the root.
*/}}
{{- define "observability-stack.addOnConfig" -}}
{{- $insights := .Values.containerInsights -}}
{{- $config := dict
  "agent" (dict "config" (include "observability-stack.insightsConfig" (dict "root" .) | fromJson) "resources" $insights.resources)
  "applicationSignals" (dict "enabled" $insights.applicationSignals.enabled)
  "containerLogs" (dict "enabled" $insights.addOn.containerLogs)
  "dcgmExporter" (dict "enabled" $insights.metrics.accelerated)
  "neuronMonitor" (dict "enabled" $insights.metrics.accelerated)
-}}
{{- $config | toJson -}}
{{- end -}}
