{{/* Where logs and events go: `logs.output`, which every Fluent Bit of this chart has. */}}

{{/* A log group: dict "root" $ "given" <from the values> "last" <its last part when nothing is given>. */}}
{{- define "observability-stack.logGroup" -}}
{{- default (printf "/aws/containerinsights/%s/%s" .root.Values.cluster.name .last) .given -}}
{{- end -}}

{{/*
The output of one pipeline, as JSON: dict "root" $ "name" <of the pipeline> "match" <pattern of tags> "values" <block with
group, retentionDays, groupClass and bufferSize> "stateDir" <folder that outlives the container>; and "template" where
the log group's name is made of a record. With one worker chunks seldom overtake each other.
*/}}
{{- define "observability-stack.logOutput" -}}
{{- $settings := .root.Values.logs.output -}}
{{- $given := dict
  "output" $settings
  "region" .root.Values.cluster.region
  "group" (include "observability-stack.logGroup" (dict "root" .root "given" .values.group "last" .name))
  "template" .template
  "retentionDays" .values.retentionDays
  "groupClass" .values.groupClass
  "storeDir" (printf "%s/s3-%s" .stateDir .name)
-}}
{{- $output := include (ternary "observability-stack.fluentBitCommon.cloudwatch" "observability-stack.fluentBitCommon.output" (eq $settings.type "cloudwatch")) $given | fromYaml -}}
{{- $own := dict
  "alias" .name
  "match" .match
  "workers" 1
  "retry_limit" (ternary $settings.retries ($settings.retries | int) (kindIs "string" $settings.retries))
  "storage.total_limit_size" .values.bufferSize
-}}
{{- if eq $settings.type "s3" -}}
{{- /* It keeps what waits by itself, and takes a word instead of a number of tries for 5. */}}
{{- $own = omit $own "storage.total_limit_size" | merge (dict "store_dir_limit_size" .values.bufferSize) -}}
{{- if eq (toString $settings.retries) "no_limits" }}{{ $_ := set $own "retry_limit" 1000000 }}{{ end -}}
{{- end -}}
{{- mergeOverwrite $output $own | toJson -}}
{{- end -}}

{{/*
Filters of a pipeline for backends other than CloudWatch, where neither the group nor the stream says where a record is
from; a JSON list. Arguments as above.
*/}}
{{- define "observability-stack.logOrigin" -}}
{{- if eq .root.Values.logs.output.type "cloudwatch" -}}
[]
{{- else -}}
{{- $record := list (printf "cluster %s" .root.Values.cluster.name) (printf "pipeline %s" .name) "node ${HOST_NAME}" -}}
{{- list (dict "name" "record_modifier" "alias" (printf "origin-%s" .name) "match" .match "record" $record) | toJson -}}
{{- end -}}
{{- end -}}

{{/* Environment that outputs refer to, as a list in YAML; argument: the root. */}}
{{- define "observability-stack.logEnv" -}}
- name: HOST_NAME
  valueFrom:
    fieldRef:
      fieldPath: spec.nodeName
{{- with include "observability-stack.fluentBitCommon.env" .Values.logs.output | trim }}
{{ . }}
{{- end }}
{{- end -}}

{{/*
What the service section of every Fluent Bit of this chart has, as JSON: dict "stateDir" <folder> "values"
<block with logLevel, flushSeconds, maxChunksUp, http, health and terminationGracePeriodSeconds>.
*/}}
{{- define "observability-stack.logService" -}}
{{- $values := .values -}}
{{- dict
  "flush" $values.flushSeconds
  "grace" (min 20 (sub $values.terminationGracePeriodSeconds 5))
  "log_level" $values.logLevel
  "http_server" true
  "http_listen" $values.http.listen
  "http_port" (int $values.http.port)
  "health_check" true
  "hc_errors_count" (int $values.health.errors)
  "hc_retry_failure_count" (int $values.health.retryFailures)
  "hc_period" (int $values.health.periodSeconds)
  "scheduler.base" 1
  "scheduler.cap" 30
  "storage.path" (printf "%s/chunks" .stateDir)
  "storage.sync" "normal"
  "storage.checksum" false
  "storage.metrics" true
  "storage.max_chunks_up" (int $values.maxChunksUp)
  "storage.backlog.mem_limit" "8M"
| toJson -}}
{{- end -}}

{{/* Statements of a role that sends what these outputs send, as a JSON list: dict "root" $ "outputs" <list>. */}}
{{- define "observability-stack.logStatements" -}}
{{- $region := .root.Values.cluster.region -}}
{{- $retention := false -}}
{{- range .outputs }}{{ if .log_retention_days }}{{ $retention = true }}{{ end }}{{ end -}}
{{- $given := dict
  "output" .root.Values.logs.output
  "partition" (include "observability-stack.partition" $region)
  "region" $region
  "groups" (include "observability-stack.logGroupNames" .outputs | fromJsonArray)
  "retention" $retention
-}}
{{- include "observability-stack.fluentBitCommon.statements" $given -}}
{{- end -}}

{{/* Log groups that these outputs write to, with `*` where a name is made of a record: a JSON list. */}}
{{- define "observability-stack.logGroupNames" -}}
{{- $groups := list -}}
{{- range . }}{{ if .log_group_name }}{{ $groups = append $groups . }}{{ end }}{{ end -}}
{{- include "observability-stack.fluentBitCommon.groups" $groups -}}
{{- end -}}
