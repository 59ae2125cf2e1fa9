{{/* IAM permissions that outputs need. */}}

{{/* Log groups that records can reach, with `*` where the name depends on the record: a list of Fluent Bit's outputs; returns a JSON list. */}}
{{- define "shared.logGroups" -}}
{{- $groups := list -}}
{{- range . -}}
{{- with .log_group_name }}{{ $groups = append $groups . }}{{ end -}}
{{- with .log_group_template }}{{ $groups = append $groups (regexReplaceAll "\\$[A-Za-z_].*$" . "*") }}{{ end -}}
{{- end -}}
{{- $groups = uniq $groups -}}
{{- /* A group that another one with a * covers is not named again. */ -}}
{{- $least := list -}}
{{- range $group := $groups -}}
{{- $covered := false -}}
{{- range $groups }}{{ if and (hasSuffix "*" .) (ne . $group) (hasPrefix (trimSuffix "*" .) $group) }}{{ $covered = true }}{{ end }}{{ end -}}
{{- if not $covered }}{{ $least = append $least $group }}{{ end -}}
{{- end -}}
{{- $least | toJson -}}
{{- end -}}

{{/*
Statements of IAM policies by role: a JSON map from the ARN of a role that outputs assume to its statements; the pod's own
role is `own`, and is missing if the outputs need nothing of AWS. dict "outputs" <Fluent Bit's> "partition", "region"
<parts of ARNs>.
*/}}
{{- define "shared.outputPolicies" -}}
{{- $byRole := dict -}}
{{- range .outputs -}}
{{- $role := .role_arn | default .aws_role_arn | default "own" -}}
{{- if or (has .name (list "cloudwatch_logs" "kinesis_firehose" "kinesis_streams" "s3")) (eq (.aws_auth | default "") "On") .aws_msk_iam }}{{ $_ := set $byRole $role (append (get $byRole $role | default list) .) }}{{ end -}}
{{- end -}}
{{- $policies := dict -}}
{{- $assumed := list -}}
{{- range $role, $outputs := $byRole -}}
{{- if ne $role "own" }}{{ $assumed = append $assumed $role }}{{ end -}}
{{- $created := list -}}
{{- $given := list -}}
{{- $retention := false -}}
{{- $statements := list -}}
{{- range $outputs -}}
{{- $region := .region | default .aws_region | default "" -}}
{{- $arn := printf "%s:ACCOUNT" (contains "$" $region | ternary $.region $region) -}}
{{- if eq .name "cloudwatch_logs" -}}
{{- if .auto_create_group }}{{ $created = append $created . }}{{ else }}{{ $given = append $given . }}{{ end -}}
{{- if .log_retention_days }}{{ $retention = true }}{{ end -}}
{{- else if eq .name "kinesis_firehose" -}}
{{- $statements = append $statements (dict "Effect" "Allow" "Action" (list "firehose:PutRecordBatch") "Resource" (list (printf "arn:%s:firehose:%s:deliverystream/%s" $.partition $arn .delivery_stream))) -}}
{{- else if eq .name "kinesis_streams" -}}
{{- $statements = append $statements (dict "Effect" "Allow" "Action" (list "kinesis:PutRecords") "Resource" (list (printf "arn:%s:kinesis:%s:stream/%s" $.partition $arn .stream))) -}}
{{- else if eq .name "s3" -}}
{{- $statements = append $statements (dict "Effect" "Allow" "Action" (list "s3:PutObject") "Resource" (list (printf "arn:%s:s3:::%s/*" $.partition .bucket))) -}}
{{- else if eq .name "kafka" -}}
{{- $statements = concat $statements (include "shared.kafkaStatements" . | fromJsonArray) -}}
{{- else if eq (.aws_service_name | default "es") "aoss" -}}
{{- $statements = append $statements (dict "Effect" "Allow" "Action" (list "aoss:APIAccessAll") "Resource" (list (printf "arn:%s:aoss:%s:collection/COLLECTION" $.partition $arn))) -}}
{{- else -}}
{{- $statements = append $statements (dict "Effect" "Allow" "Action" (list "es:ESHttpPost") "Resource" (list (printf "arn:%s:es:%s:domain/DOMAIN/*" $.partition $arn))) -}}
{{- end -}}
{{- end -}}
{{- range $outputs := list $created $given -}}
{{- $byRegion := dict -}}
{{- range $outputs -}}
{{- $region := contains "$" .region | ternary $.region .region -}}
{{- $_ := set $byRegion $region (append (get $byRegion $region | default list) .) -}}
{{- end -}}
{{- $resources := list -}}
{{- range $region, $group := $byRegion -}}
{{- range include "shared.logGroups" $group | fromJsonArray }}{{ $resources = append $resources (printf "arn:%s:logs:%s:ACCOUNT:log-group:%s:*" $.partition $region .) }}{{ end -}}
{{- end -}}
{{- $actions := list "logs:CreateLogStream" "logs:PutLogEvents" -}}
{{- if (first (append $outputs dict)).auto_create_group -}}
{{- $actions = prepend $actions "logs:CreateLogGroup" -}}
{{- if $retention }}{{ $actions = append $actions "logs:PutRetentionPolicy" }}{{ end -}}
{{- end -}}
{{- if $resources }}{{ $statements = append $statements (dict "Effect" "Allow" "Action" $actions "Resource" $resources) }}{{ end -}}
{{- end -}}
{{- $_ := set $policies $role (uniq $statements) -}}
{{- end -}}
{{- with $assumed }}{{ $_ := set $policies "own" (append (get $policies "own" | default list) (dict "Effect" "Allow" "Action" (list "sts:AssumeRole") "Resource" .)) }}{{ end -}}
{{- $policies | toJson -}}
{{- end -}}
