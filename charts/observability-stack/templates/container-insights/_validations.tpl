{{/* What the CloudWatch agent cannot do, or would do twice. */}}
{{- define "observability-stack.checkInsights" -}}
{{- $insights := .Values.containerInsights -}}
{{- if and (include "observability-stack.runsInsights" .) (semverCompare "<1.33-0" .Capabilities.KubeVersion.Version) }}
containerInsights.enabled, and before Kubernetes 1.33 a kubelet asks the agent for nodes/proxy, which is enough to run commands in any pod. Write:
containerInsights:
  installer: addOn{{ "\f" }}
{{- end }}
{{- if and $insights.enabled (eq $insights.installer "addOn") $insights.addOn.containerLogs .Values.logs.enabled }}
containerInsights.addOn.containerLogs and logs.enabled: each line would be collected, and billed, twice. Write one of:
containerInsights:
  addOn:
    containerLogs: false
logs:
  enabled: false{{ "\f" }}
{{- end }}
{{- if and $insights.addOn.containerLogs (eq $insights.installer "chart") }}
containerInsights.addOn.containerLogs is for installer: addOn. To have logs collected by this chart, write:
logs:
  enabled: true{{ "\f" }}
{{- end }}
{{- if and (include "observability-stack.runsWindowsInsights" .) (eq .Values.identity.type "podIdentity") }}
containerInsights.windows.enabled and identity.type is podIdentity, which AWS documents for Linux nodes only. Write one of:
identity:
  type: irsa
containerInsights:
  windows:
    enabled: false{{ "\f" }}
{{- end }}
{{- end -}}
