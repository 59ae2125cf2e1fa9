{{/* Where records go. Every tag that an input gives is matched by exactly one output. */}}

{{- define "fluent-bit-windows.groupPrefix" -}}
{{- default (printf "/aws/containerinsights/%s" (include "fluent-bit-windows.clusterName" .)) .Values.routing.prefix -}}
{{- end -}}

{{/* Name of a log group: dict "root" $ "given" <from the values> "last" <its last part when nothing is given>. */}}
{{- define "fluent-bit-windows.group" -}}
{{- default (printf "%s/%s" (include "fluent-bit-windows.groupPrefix" .root) .last) .given -}}
{{- end -}}

{{/* What every AWS output has. */}}
{{- define "fluent-bit-windows.awsOptions" -}}
region: {{ include "fluent-bit-windows.region" . | quote }}
{{- with .Values.output.roleArn }}
role_arn: {{ . | quote }}
{{- end }}
{{- with .Values.output.externalId }}
external_id: {{ . | quote }}
{{- end }}
{{- with .Values.output.endpoint }}
endpoint: {{ . | quote }}
{{- end }}
{{- with .Values.output.stsEndpoint }}
sts_endpoint: {{ . | quote }}
{{- end }}
{{- end -}}

{{/* An output to CloudWatch: dict "root" $ "alias" <name> "group" <name> and "match" or "match_regex", "template". */}}
{{- define "fluent-bit-windows.cloudwatchOutput" -}}
{{- $settings := .root.Values.output.cloudwatch -}}
name: cloudwatch_logs
alias: {{ .alias | quote }}
{{- if .match }}
match: {{ .match | quote }}
{{- else }}
match_regex: {{ .match_regex | quote }}
{{- end }}
{{ include "fluent-bit-windows.awsOptions" .root }}
log_group_name: {{ .group | quote }}
{{- with .template }}
log_group_template: {{ . | quote }}
{{- end }}
log_stream_prefix: {{ $settings.streamPrefix | quote }}
{{- if and .containers $settings.streamTemplate }}
log_stream_template: {{ $settings.streamTemplate | quote }}
{{- end }}
auto_create_group: {{ $settings.createGroups }}
{{- if $settings.retentionDays }}
log_retention_days: {{ $settings.retentionDays | int }}
{{- end }}
{{- if not (include "fluent-bit-windows.isLegacy" .root) }}
log_group_class: {{ $settings.groupClass }}
{{- end }}
retry_limit: {{ .root.Values.output.retries | int }}
{{- end -}}

{{/* The namespace in a tag is what is between the first underscore and the second; no part of a name has one. */}}
{{- define "fluent-bit-windows.containerOutputs" -}}
{{- $routing := .Values.routing -}}
{{- $fallback := include "fluent-bit-windows.group" (dict "root" . "given" $routing.fallbackGroup "last" "other") -}}
{{- $outputs := list -}}
{{- if eq $routing.mode "namespace" -}}
{{- $template := include "fluent-bit-windows.group" (dict "root" . "given" $routing.groupTemplate "last" "$kubernetes['namespace_name']") -}}
{{- $outputs = append $outputs (dict "alias" "containers" "match" "application.*" "group" $fallback "template" $template) -}}
{{- else if eq $routing.mode "static" -}}
{{- $group := include "fluent-bit-windows.group" (dict "root" . "given" $routing.staticGroup "last" "application") -}}
{{- $outputs = append $outputs (dict "alias" "containers" "match" "application.*" "group" $group) -}}
{{- else -}}
{{- $start := printf "^%s[^_]+_" (include "fluent-bit-windows.tagPrefix" . | replace "." "\\.") -}}
{{- $listed := list -}}
{{- range $routing.list -}}
{{- $group := include "fluent-bit-windows.group" (dict "root" $ "given" .group "last" .namespace) -}}
{{- $outputs = append $outputs (dict "alias" (printf "namespace-%s" .namespace) "match_regex" (printf "%s%s_" $start .namespace) "group" $group) -}}
{{- $listed = append $listed .namespace -}}
{{- end -}}
{{- /* Everything that is not on the list, so that no namespace is lost. */}}
{{- $outputs = append $outputs (dict "alias" "other-namespaces" "match_regex" (printf "%s(?!(?:%s)_)" $start (join "|" $listed)) "group" $fallback) -}}
{{- end -}}
{{- $outputs | toJson -}}
{{- end -}}

{{- define "fluent-bit-windows.cloudwatchOutputs" -}}
{{- $wanted := list -}}
{{- $inputs := .Values.inputs -}}
{{- if $inputs.containerLogs.enabled -}}
{{- range include "fluent-bit-windows.containerOutputs" . | fromJsonArray -}}
{{- $wanted = append $wanted (set . "containers" true) -}}
{{- end -}}
{{- end -}}
{{- if $inputs.eventLog.enabled -}}
{{- $group := include "fluent-bit-windows.group" (dict "root" . "given" .Values.routing.eventLogGroup "last" "host") -}}
{{- $wanted = append $wanted (dict "alias" "events" "match" "events.*" "group" $group) -}}
{{- end -}}
{{- if $inputs.services.enabled -}}
{{- $group := include "fluent-bit-windows.group" (dict "root" . "given" .Values.routing.servicesGroup "last" "dataplane") -}}
{{- $wanted = append $wanted (dict "alias" "services" "match" "services.*" "group" $group) -}}
{{- end -}}
{{- $outputs := list -}}
{{- range $wanted -}}
{{- $outputs = append $outputs (include "fluent-bit-windows.cloudwatchOutput" (set . "root" $) | fromYaml) -}}
{{- end -}}
{{- $outputs | toJson -}}
{{- end -}}

{{/* User and password, which Fluent Bit takes from its environment: dict "root" $ "user", "password" <option names>. */}}
{{- define "fluent-bit-windows.credentials" -}}
{{- if .root.Values.output.secret.name }}
{{ .user }}: ${OUTPUT_USER}
{{ .password }}: ${OUTPUT_PASSWORD}
{{- end }}
{{- end -}}

{{- define "fluent-bit-windows.opensearchOutput" -}}
{{- $settings := .Values.output.opensearch -}}
name: opensearch
host: {{ $settings.host | quote }}
port: {{ $settings.port | int }}
index: {{ $settings.index | quote }}
suppress_type_name: true
tls: true
tls.verify: true
{{- if $settings.awsAuth }}
aws_auth: true
{{- /* Fluent Bit 1.9.10 knows domains only, and AWS's builds of it serverless too. */}}
{{- if not (and (include "fluent-bit-windows.isLegacy" .) (eq $settings.awsService "es")) }}
aws_service_name: {{ $settings.awsService }}
{{- end }}
{{- range $name, $value := include "fluent-bit-windows.awsOptions" . | fromYaml }}
{{- if ne $name "endpoint" }}
aws_{{ $name }}: {{ $value | quote }}
{{- end }}
{{- end }}
{{- else }}
{{- include "fluent-bit-windows.credentials" (dict "root" . "user" "http_user" "password" "http_passwd") }}
{{- end }}
{{- end -}}

{{- define "fluent-bit-windows.firehoseOutput" -}}
name: kinesis_firehose
delivery_stream: {{ .Values.output.firehose.deliveryStream | quote }}
{{ include "fluent-bit-windows.awsOptions" . }}
{{- end -}}

{{- define "fluent-bit-windows.s3Output" -}}
{{- $settings := .Values.output.s3 -}}
name: s3
bucket: {{ $settings.bucket | quote }}
s3_key_format: {{ $settings.keyFormat | quote }}
total_file_size: {{ $settings.totalFileSize | quote }}
upload_timeout: {{ $settings.uploadTimeoutMinutes | int }}m
store_dir: {{ printf "%s\\s3" (include "fluent-bit-windows.stateDir" .) | quote }}
{{ include "fluent-bit-windows.awsOptions" . }}
{{- end -}}

{{- define "fluent-bit-windows.httpOutput" -}}
{{- $settings := .Values.output.http -}}
name: http
host: {{ $settings.host | quote }}
port: {{ $settings.port | int }}
uri: {{ $settings.uri | quote }}
format: json
tls: {{ $settings.tls }}
{{- include "fluent-bit-windows.credentials" (dict "root" . "user" "http_user" "password" "http_passwd") }}
{{- end -}}

{{- define "fluent-bit-windows.forwardOutput" -}}
{{- $settings := .Values.output.forward -}}
name: forward
host: {{ $settings.host | quote }}
port: {{ $settings.port | int }}
tls: {{ $settings.tls }}
# Without it a record counts as delivered when it left, not when it arrived.
require_ack_response: true
{{- include "fluent-bit-windows.credentials" (dict "root" . "user" "username" "password" "password") }}
{{- end -}}

{{- define "fluent-bit-windows.outputs" -}}
{{- $type := .Values.output.type -}}
{{- if eq $type "cloudwatch" -}}
{{- include "fluent-bit-windows.cloudwatchOutputs" . -}}
{{- else -}}
{{- $output := include (printf "fluent-bit-windows.%sOutput" $type) . | fromYaml -}}
{{- $own := dict "alias" $type "match" "*" "retry_limit" (int .Values.output.retries) -}}
{{- list (mergeOverwrite (dict) $output $own) | toJson -}}
{{- end -}}
{{- end -}}
