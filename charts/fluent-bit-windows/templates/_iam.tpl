{{/* The least that AWS has to allow, for the values given. */}}

{{/* Name of the cluster and region as a person reads them, where a ConfigMap decides. */}}
{{- define "fluent-bit-windows.shownCluster" -}}
{{- ternary "CLUSTER" .Values.cluster.name (ne .Values.cluster.configMap.name "") -}}
{{- end -}}

{{- define "fluent-bit-windows.shownRegion" -}}
{{- ternary "REGION" .Values.cluster.region (ne .Values.cluster.configMap.name "") -}}
{{- end -}}

{{/* Log groups that records can get to, with `*` where a name is made of a record: a list, as JSON. */}}
{{- define "fluent-bit-windows.groups" -}}
{{- $outputs := include "fluent-bit-windows.cloudwatchOutputs" . | replace "${CLUSTER_NAME}" "CLUSTER" | fromJsonArray -}}
{{- include "fluent-bit-windows.fluentBitCommon.groups" $outputs -}}
{{- end -}}

{{/* The statements of the agent's role for the type of output, as a JSON list; empty where AWS is not asked. */}}
{{- define "fluent-bit-windows.statements" -}}
{{- $output := .Values.output -}}
{{- $given := dict
  "output" $output
  "partition" (include "fluent-bit-windows.partition" .Values.cluster.region)
  "region" (include "fluent-bit-windows.shownRegion" .)
  "groups" (include "fluent-bit-windows.groups" . | fromJsonArray)
  "retention" $output.cloudwatch.retentionDays
-}}
{{- include "fluent-bit-windows.fluentBitCommon.statements" $given -}}
{{- end -}}

{{/* The trust policy of the agent's role. */}}
{{- define "fluent-bit-windows.agentTrustPolicy" -}}
{{- include "fluent-bit-windows.trustPolicy" (dict
  "type" "irsa"
  "partition" (include "fluent-bit-windows.partition" .Values.cluster.region)
  "region" (include "fluent-bit-windows.shownRegion" .)
  "namespace" .Release.Namespace
  "account" (include "fluent-bit-windows.serviceAccountName" .)
) -}}
{{- end -}}
