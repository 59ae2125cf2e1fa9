{{/* The least that AWS has to allow, for the values given. */}}

{{/* Partition of the region, the second part of every ARN. */}}
{{- define "fluent-bit-windows.partition" -}}
{{- $region := .Values.cluster.region -}}
{{- if hasPrefix "cn-" $region }}aws-cn{{ else if hasPrefix "us-gov-" $region }}aws-us-gov{{ else }}aws{{ end -}}
{{- end -}}

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
  "partition" (include "fluent-bit-windows.partition" .)
  "region" (include "fluent-bit-windows.shownRegion" .)
  "groups" (include "fluent-bit-windows.groups" . | fromJsonArray)
  "retention" $output.cloudwatch.retentionDays
-}}
{{- include "fluent-bit-windows.fluentBitCommon.statements" $given -}}
{{- end -}}

{{- define "fluent-bit-windows.document" -}}
{{- dict "Version" "2012-10-17" "Statement" . | toPrettyJson -}}
{{- end -}}

{{/* Who may take the agent's role: this service account of this cluster, and no other. */}}
{{- define "fluent-bit-windows.trust" -}}
{{- $provider := printf "oidc.eks.%s.%s/id/OIDC_ID" (include "fluent-bit-windows.shownRegion" .) (ternary "amazonaws.com.cn" "amazonaws.com" (hasPrefix "cn-" .Values.cluster.region)) -}}
{{- $account := printf "system:serviceaccount:%s:%s" .Release.Namespace (include "fluent-bit-windows.serviceAccountName" .) -}}
{{- $statement := dict
  "Effect" "Allow"
  "Principal" (dict "Federated" (printf "arn:%s:iam::ACCOUNT:oidc-provider/%s" (include "fluent-bit-windows.partition" .) $provider))
  "Action" "sts:AssumeRoleWithWebIdentity"
  "Condition" (dict "StringEquals" (dict (printf "%s:sub" $provider) $account (printf "%s:aud" $provider) "sts.amazonaws.com"))
-}}
{{- include "fluent-bit-windows.document" (list $statement) -}}
{{- end -}}
