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
{{- $groups := list -}}
{{- range include "fluent-bit-windows.cloudwatchOutputs" . | fromJsonArray -}}
{{- $groups = append $groups .log_group_name -}}
{{- with .log_group_template -}}
{{- $groups = append $groups (regexReplaceAll "\\$[A-Za-z_].*$" . "*") -}}
{{- end -}}
{{- end -}}
{{- $shown := list -}}
{{- range $groups | uniq -}}
{{- $shown = append $shown (replace "${CLUSTER_NAME}" "CLUSTER" .) -}}
{{- end -}}
{{- /* What a group with a * covers need not be named again. */}}
{{- $least := list -}}
{{- range $group := $shown -}}
{{- $covered := false -}}
{{- range $shown -}}
{{- if and (hasSuffix "*" .) (ne . $group) (hasPrefix (trimSuffix "*" .) $group) }}{{ $covered = true }}{{ end -}}
{{- end -}}
{{- if not $covered }}{{ $least = append $least $group }}{{ end -}}
{{- end -}}
{{- $least | toJson -}}
{{- end -}}

{{/* Statements for sending to CloudWatch; what is made and set only when groups are made is asked for only then. */}}
{{- define "fluent-bit-windows.cloudwatchStatements" -}}
{{- $settings := .Values.output.cloudwatch -}}
{{- $start := printf "arn:%s:logs:%s:ACCOUNT:log-group:" (include "fluent-bit-windows.partition" .) (include "fluent-bit-windows.shownRegion" .) -}}
{{- $resources := list -}}
{{- range include "fluent-bit-windows.groups" . | fromJsonArray -}}
{{- $resources = append $resources (printf "%s%s:*" $start .) -}}
{{- end -}}
{{- $actions := list "logs:CreateLogStream" "logs:PutLogEvents" -}}
{{- if $settings.createGroups -}}
{{- $actions = prepend $actions "logs:CreateLogGroup" -}}
{{- if $settings.retentionDays }}{{ $actions = append $actions "logs:PutRetentionPolicy" }}{{ end -}}
{{- end -}}
{{- list (dict "Effect" "Allow" "Action" $actions "Resource" $resources) | toJson -}}
{{- end -}}

{{/* The statements of the agent's role for the type of output, as a JSON list; empty where AWS is not asked. */}}
{{- define "fluent-bit-windows.statements" -}}
{{- $output := .Values.output -}}
{{- $partition := include "fluent-bit-windows.partition" . -}}
{{- $place := printf "%s:ACCOUNT" (include "fluent-bit-windows.shownRegion" .) -}}
{{- if eq $output.type "cloudwatch" -}}
{{- include "fluent-bit-windows.cloudwatchStatements" . -}}
{{- else if eq $output.type "firehose" -}}
{{- $stream := printf "arn:%s:firehose:%s:deliverystream/%s" $partition $place $output.firehose.deliveryStream -}}
{{- list (dict "Effect" "Allow" "Action" (list "firehose:PutRecordBatch") "Resource" (list $stream)) | toJson -}}
{{- else if eq $output.type "s3" -}}
{{- $objects := printf "arn:%s:s3:::%s/*" $partition $output.s3.bucket -}}
{{- list (dict "Effect" "Allow" "Action" (list "s3:PutObject") "Resource" (list $objects)) | toJson -}}
{{- else if and (eq $output.type "opensearch") $output.opensearch.awsAuth -}}
{{- if eq $output.opensearch.awsService "aoss" -}}
{{- list (dict "Effect" "Allow" "Action" (list "aoss:APIAccessAll") "Resource" (list (printf "arn:%s:aoss:%s:collection/COLLECTION" $partition $place))) | toJson -}}
{{- else -}}
{{- list (dict "Effect" "Allow" "Action" (list "es:ESHttpPost") "Resource" (list (printf "arn:%s:es:%s:domain/DOMAIN/*" $partition $place))) | toJson -}}
{{- end -}}
{{- else -}}
{{- list | toJson -}}
{{- end -}}
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
