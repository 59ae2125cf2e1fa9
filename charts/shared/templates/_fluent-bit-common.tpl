{{/*
What Fluent Bit has in common on all nodes: its outputs, and what AWS has to allow for them. Every chart that uses it
has the same file, which a test compares. `output` is a block as in values.yaml: type, roleArn, externalId, endpoint,
stsEndpoint, secret, and a block for each type.
*/}}

{{/* What every AWS output has: dict "output" <block> "region" <region>. */}}
{{- define "shared.fluentBitCommon.awsOptions" -}}
region: {{ .region | quote }}
{{- with .output.roleArn }}
role_arn: {{ . | quote }}
{{- end }}
{{- with .output.externalId }}
external_id: {{ . | quote }}
{{- end }}
{{- with .output.endpoint }}
endpoint: {{ . | quote }}
{{- end }}
{{- with .output.stsEndpoint }}
sts_endpoint: {{ . | quote }}
{{- end }}
{{- end -}}

{{/*
An output to CloudWatch, as YAML: dict "output" <block> "region" <region> "group" <name> and, where wanted, "template"
and "streamTemplate" (of records), "retentionDays" and "groupClass" (set when a group is made).
*/}}
{{- define "shared.fluentBitCommon.cloudwatch" -}}
{{- $settings := .output.cloudwatch -}}
name: cloudwatch_logs
{{ include "shared.fluentBitCommon.awsOptions" . }}
log_group_name: {{ .group | quote }}
{{- with .template }}
log_group_template: {{ . | quote }}
{{- end }}
log_stream_prefix: {{ $settings.streamPrefix | quote }}
{{- with .streamTemplate }}
log_stream_template: {{ . | quote }}
{{- end }}
auto_create_group: {{ $settings.createGroups }}
{{- if .retentionDays }}
log_retention_days: {{ .retentionDays | int }}
{{- end }}
{{- with .groupClass }}
log_group_class: {{ . }}
{{- end }}
{{- end -}}

{{/* User and password, which Fluent Bit takes from its environment: dict "output" <block> "user", "password" <option names>. */}}
{{- define "shared.fluentBitCommon.credentials" -}}
{{- if .output.secret.name }}
{{ .user }}: ${OUTPUT_USER}
{{ .password }}: ${OUTPUT_PASSWORD}
{{- end }}
{{- end -}}

{{/* The environment that these variables are from, as a list in YAML; argument: the block. */}}
{{- define "shared.fluentBitCommon.env" -}}
{{- if and .secret.name (has .type (list "opensearch" "elasticsearch" "http" "forward")) -}}
{{- range $name, $key := dict "OUTPUT_USER" .secret.userKey "OUTPUT_PASSWORD" .secret.passwordKey }}
- name: {{ $name }}
  valueFrom:
    secretKeyRef:
      name: {{ $.secret.name | quote }}
      key: {{ $key | quote }}
{{- end }}
{{- end }}
{{- end -}}

{{/*
An output of another type, as YAML without alias and match: dict "output" <block> "region" <region> "storeDir" <folder for
the parts of objects for s3> and, for Fluent Bit 1.9.10, "legacy" true.
*/}}
{{- define "shared.fluentBitCommon.output" -}}
{{- include (printf "shared.fluentBitCommon.%sOutput" .output.type) . -}}
{{- end -}}

{{/*
What Elasticsearch and OpenSearch have in common, argument: the block. Both by Fluent Bit's output for OpenSearch, whose
bulk API is the same: that for Elasticsearch (es, 5.1.1) takes a request for done as soon as one of its documents was
taken, and loses the others. The answer names every document, and one that is cut off would be taken for a failure: so
it may be of any size.
*/}}
{{- define "shared.fluentBitCommon.bulk" -}}
name: opensearch
host: {{ .host | quote }}
port: {{ .port | int }}
index: {{ .index | quote }}
suppress_type_name: true
time_key_nanos: true
generate_id: {{ .generateId }}
buffer_size: "False"
{{- end -}}

{{- define "shared.fluentBitCommon.opensearchOutput" -}}
{{- $settings := .output.opensearch -}}
{{ include "shared.fluentBitCommon.bulk" $settings }}
tls: true
tls.verify: true
{{- if $settings.awsAuth }}
{{- /* "true" would be taken for no. */}}
aws_auth: "On"
{{- /* Fluent Bit 1.9.10 knows domains only, and AWS's builds of it serverless too. */}}
{{- if not (and .legacy (eq $settings.awsService "es")) }}
aws_service_name: {{ $settings.awsService }}
{{- end }}
{{- range $name, $value := include "shared.fluentBitCommon.awsOptions" . | fromYaml }}
{{- if ne $name "endpoint" }}
aws_{{ $name }}: {{ $value | quote }}
{{- end }}
{{- end }}
{{- else }}
{{- include "shared.fluentBitCommon.credentials" (dict "output" .output "user" "http_user" "password" "http_passwd") }}
{{- end }}
{{- end -}}

{{- define "shared.fluentBitCommon.elasticsearchOutput" -}}
{{- $settings := .output.elasticsearch -}}
{{ include "shared.fluentBitCommon.bulk" $settings }}
tls: {{ $settings.tls }}
{{- include "shared.fluentBitCommon.credentials" (dict "output" .output "user" "http_user" "password" "http_passwd") }}
{{- end -}}

{{- define "shared.fluentBitCommon.firehoseOutput" -}}
name: kinesis_firehose
delivery_stream: {{ .output.firehose.deliveryStream | quote }}
{{ include "shared.fluentBitCommon.awsOptions" . }}
{{- end -}}

{{- define "shared.fluentBitCommon.s3Output" -}}
{{- $settings := .output.s3 -}}
name: s3
bucket: {{ $settings.bucket | quote }}
s3_key_format: {{ $settings.keyFormat | quote }}
total_file_size: {{ $settings.totalFileSize | quote }}
upload_timeout: {{ $settings.uploadTimeoutMinutes | int }}m
store_dir: {{ .storeDir | quote }}
{{ include "shared.fluentBitCommon.awsOptions" . }}
{{- end -}}

{{- define "shared.fluentBitCommon.httpOutput" -}}
{{- $settings := .output.http -}}
name: http
host: {{ $settings.host | quote }}
port: {{ $settings.port | int }}
uri: {{ $settings.uri | quote }}
format: json
tls: {{ $settings.tls }}
{{- include "shared.fluentBitCommon.credentials" (dict "output" .output "user" "http_user" "password" "http_passwd") }}
{{- end -}}

{{- define "shared.fluentBitCommon.forwardOutput" -}}
{{- $settings := .output.forward -}}
name: forward
host: {{ $settings.host | quote }}
port: {{ $settings.port | int }}
tls: {{ $settings.tls }}
# Without it a record counts as delivered when it left, not when it arrived.
require_ack_response: true
{{- include "shared.fluentBitCommon.credentials" (dict "output" .output "user" "username" "password" "password") }}
{{- end -}}

{{/*
Log groups that records can get to, with `*` where a name is made of a record, as a JSON list; argument: the outputs.
*/}}
{{- define "shared.fluentBitCommon.groups" -}}
{{- $groups := list -}}
{{- range . -}}
{{- $groups = append $groups .log_group_name -}}
{{- with .log_group_template -}}
{{- $groups = append $groups (regexReplaceAll "\\$[A-Za-z_].*$" . "*") -}}
{{- end -}}
{{- end -}}
{{- $groups = uniq $groups -}}
{{- /* What a group with a * covers need not be named again. */}}
{{- $least := list -}}
{{- range $group := $groups -}}
{{- $covered := false -}}
{{- range $groups -}}
{{- if and (hasSuffix "*" .) (ne . $group) (hasPrefix (trimSuffix "*" .) $group) }}{{ $covered = true }}{{ end -}}
{{- end -}}
{{- if not $covered }}{{ $least = append $least $group }}{{ end -}}
{{- end -}}
{{- $least | toJson -}}
{{- end -}}

{{/*
The statements of the agent's role, as a JSON list; empty where AWS is not asked. dict "output" <block> "partition",
"region" <parts of ARNs> "groups" <list> "retention" <whether any group gets one>. What is done only when groups are made
is asked for only then.
*/}}
{{- define "shared.fluentBitCommon.statements" -}}
{{- $output := .output -}}
{{- $place := printf "%s:ACCOUNT" .region -}}
{{- $actions := list -}}
{{- $resources := list -}}
{{- if eq $output.type "cloudwatch" -}}
{{- $actions = list "logs:CreateLogStream" "logs:PutLogEvents" -}}
{{- if $output.cloudwatch.createGroups -}}
{{- $actions = prepend $actions "logs:CreateLogGroup" -}}
{{- if .retention }}{{ $actions = append $actions "logs:PutRetentionPolicy" }}{{ end -}}
{{- end -}}
{{- range .groups }}{{ $resources = append $resources (printf "arn:%s:logs:%s:log-group:%s:*" $.partition $place .) }}{{ end -}}
{{- else if eq $output.type "firehose" -}}
{{- $actions = list "firehose:PutRecordBatch" -}}
{{- $resources = list (printf "arn:%s:firehose:%s:deliverystream/%s" .partition $place $output.firehose.deliveryStream) -}}
{{- else if eq $output.type "s3" -}}
{{- $actions = list "s3:PutObject" -}}
{{- $resources = list (printf "arn:%s:s3:::%s/*" .partition $output.s3.bucket) -}}
{{- else if and (eq $output.type "opensearch") $output.opensearch.awsAuth -}}
{{- $serverless := eq $output.opensearch.awsService "aoss" -}}
{{- $actions = list (ternary "aoss:APIAccessAll" "es:ESHttpPost" $serverless) -}}
{{- $resources = list (printf "arn:%s:%s" .partition (ternary (printf "aoss:%s:collection/COLLECTION" $place) (printf "es:%s:domain/DOMAIN/*" $place) $serverless)) -}}
{{- end -}}
{{- if $actions -}}
{{- list (dict "Effect" "Allow" "Action" $actions "Resource" $resources) | toJson -}}
{{- else -}}
{{- list | toJson -}}
{{- end -}}
{{- end -}}

{{/* What a type of output needs: dict "path" <of the block> "output" <block> "example" <name of a stream or bucket>. */}}
{{- define "shared.fluentBitCommon.checkOutput" -}}
{{- $output := .output -}}
{{- range $type, $need := dict "opensearch" "host" "elasticsearch" "host" "firehose" "deliveryStream" "s3" "bucket" "http" "host" "forward" "host" }}
{{- if and (eq $output.type $type) (not (get (get $output $type) $need)) }}
{{ $.path }}.type is {{ $type }}, and {{ $.path }}.{{ $type }}.{{ $need }} is empty. Write:
{{- include "shared.write" (dict "path" (printf "%s.%s.%s" $.path $type $need) "value" (ternary "logs.example.com" $.example (eq $need "host"))) }}{{ "\f" }}
{{- end }}
{{- end }}
{{- if and (eq $output.type "opensearch") $output.opensearch.awsAuth $output.secret.name }}
{{ .path }}.secret.name is set, and requests to OpenSearch are signed ({{ .path }}.opensearch.awsAuth). Write one of:
{{- include "shared.write" (dict "path" (printf "%s.opensearch.awsAuth" .path) "value" "false") }}
{{- include "shared.write" (dict "path" (printf "%s.secret.name" .path) "value" "\"\"") }}{{ "\f" }}
{{- end }}
{{- if and $output.externalId (not $output.roleArn) }}
{{ .path }}.externalId is set, and {{ .path }}.roleArn is empty: an external id is for assuming a role. Write:
{{- include "shared.write" (dict "path" (printf "%s.roleArn" .path) "value" "arn:aws:iam::444455556666:role/logs") }}{{ "\f" }}
{{- end }}
{{- if not (regexMatch "^([A-Za-z0-9._/#-]|\\$\\{HOST_NAME\\})+$" $output.cloudwatch.streamPrefix) }}
{{ .path }}.cloudwatch.streamPrefix is {{ $output.cloudwatch.streamPrefix | quote }}: it has letters, digits, . - _ / # and the variable ${HOST_NAME} only, and may not be empty. Write:
{{- include "shared.write" (dict "path" (printf "%s.cloudwatch.streamPrefix" .path) "value" "${HOST_NAME}-") }}{{ "\f" }}
{{- end }}
{{- end -}}
