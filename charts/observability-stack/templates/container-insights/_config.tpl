{{/* Configuration of the CloudWatch agent and of the EKS add-on that installs it. */}}

{{/* Whether the chart installs the agent, rather than the add-on. */}}
{{- define "observability-stack.runsInsights" -}}
{{- include "observability-stack.runs" (dict "root" . "component" "container-insights") -}}
{{- end -}}

{{/* Whether the agent also runs on Windows nodes. */}}
{{- define "observability-stack.runsWindowsInsights" -}}
{{- if and (include "observability-stack.runsInsights" .) .Values.containerInsights.windows.enabled }}true{{ end -}}
{{- end -}}

{{/* Log group of the metrics; the agent determines its name. */}}
{{- define "observability-stack.performanceGroup" -}}
/aws/containerinsights/{{ .Values.cluster.name }}/performance
{{- end -}}

{{/*
Configuration of the agent, as a JSON map: dict "root" $ and, for Windows nodes, which do not support Application Signals,
"windows" true. The agent ignores unknown keys; the values schema rejects them.
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
{{- $xray := include "observability-stack.awsUrl" (dict "root" .root "service" "xray") -}}
{{- $_ := set $config "traces" (merge (ternary (dict "endpoint_override" $xray) dict .root.Values.aws.useFipsEndpoints) (dict "traces_collected" (dict "application_signals" dict))) -}}
{{- end -}}
{{- $logs := dict "metrics_collected" $collected "force_flush_interval" (int $insights.flushInterval) -}}
{{- $fips := include "observability-stack.awsUrl" (dict "root" .root "service" "logs") -}}
{{- /* The agent has no switch for FIPS. */ -}}
{{- with $insights.endpoint | default (ternary $fips "" .root.Values.aws.useFipsEndpoints) }}{{ $_ := set $logs "endpoint_override" . }}{{ end -}}
{{- $_ := set $config "logs" $logs -}}
{{- if $insights.debug }}{{ $_ := set $config.agent "debug" true }}{{ end -}}
{{- if .root.Values.aws.useDualStackEndpoints }}{{ $_ := set $config.agent "use_dualstack_endpoint" true }}{{ end -}}
{{- $config | toJson -}}
{{- end -}}

{{/* Data of the ConfigMap. The agent merges the OpenTelemetry configuration of the health check with its own. */}}
{{- define "observability-stack.insightsData" -}}
cwagentconfig.json: |
  {{- include "observability-stack.insightsConfig" (dict "root" .) | fromJson | toPrettyJson | nindent 2 }}
health.yaml: |
  extensions:
    health_check:
      endpoint: 0.0.0.0:{{ .Values.containerInsights.healthPort | int }}
  service:
    extensions:
    - health_check
{{- if include "observability-stack.runsWindowsInsights" . }}
windows.json: |
  {{- include "observability-stack.insightsConfig" (dict "root" . "windows" true) | fromJson | toPrettyJson | nindent 2 }}
{{- end }}
{{- end -}}

{{/*
Configuration of the add-on, as a JSON map: the same agent, and the add-on's other components only if the values enable them.
Argument: the root.
*/}}
{{- define "observability-stack.addOnConfig" -}}
{{- $insights := .Values.containerInsights -}}
{{- dict
  "agent" (dict "config" (include "observability-stack.insightsConfig" (dict "root" .) | fromJson) "resources" $insights.resources)
  "applicationSignals" (dict "enabled" $insights.applicationSignals.enabled)
  "containerLogs" (dict "enabled" $insights.addOn.containerLogs)
  "dcgmExporter" (dict "enabled" $insights.metrics.accelerated)
  "neuronMonitor" (dict "enabled" $insights.metrics.accelerated)
| toJson -}}
{{- end -}}
