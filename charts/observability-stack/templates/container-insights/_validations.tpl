{{/* Checks of `containerInsights`. */}}
{{- define "observability-stack.checkInsights" -}}
{{- $insights := .Values.containerInsights -}}
{{- include "observability-stack.reject" (list (and (include "observability-stack.runsInsights" .) (semverCompare "<1.33-0" .Capabilities.KubeVersion.Version))
  "`containerInsights.enabled` is true, but before Kubernetes 1.33 the kubelet requires nodes/proxy of the agent, a permission to run commands in any pod."
  "containerInsights.installer" "addOn") }}
{{- include "observability-stack.reject" (list (and $insights.enabled (eq $insights.installer "addOn") $insights.addOn.containerLogs .Values.logs.enabled)
  "`containerInsights.addOn.containerLogs` and `logs.enabled` are both true: every line would be collected, and billed, twice."
  "containerInsights.addOn.containerLogs" false "logs.enabled" false) }}
{{- include "observability-stack.reject" (list (and $insights.addOn.containerLogs (eq $insights.installer "chart"))
  "`containerInsights.addOn.containerLogs` is true, but `containerInsights.installer` is chart. Collect logs with this chart instead."
  "logs.enabled" true) }}
{{- include "observability-stack.reject" (list (and (include "observability-stack.runsInsights" .) $insights.metrics.accelerated (not $insights.exporterCaSecret.name))
  "`containerInsights.metrics.accelerated` is true, but the agent scrapes DCGM Exporter and Neuron Monitor by HTTPS and has no CA certificate. Name the Secret that contains it, or let the EKS add-on install agent and exporters."
  "containerInsights.exporterCaSecret.name" "exporter-ca" "containerInsights.installer" "addOn") }}
{{- include "observability-stack.reject" (list (and (include "observability-stack.runsWindowsInsights" .) (eq .Values.identity.type "podIdentity"))
  "`containerInsights.windows.enabled` is true, but `identity.type` is podIdentity, which EKS supports on Linux nodes only."
  "identity.type" "irsa" "containerInsights.windows.enabled" false) }}
{{- end -}}
