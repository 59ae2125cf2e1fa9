{{/*
Configuration of Fargate's log router: a Fluent Bit that AWS runs beside each pod. It has an input of its own, with tags
kube.var.log.containers.<pod>_<namespace>_<container>-<id>.log, and reads only outputs, filters and parsers.
*/}}

{{/* Its outputs, as JSON. AWS does not document its version, so they have only options that Fluent Bit 1.9.10 supports. */}}
{{- define "observability-stack.fargateOutputs" -}}
{{- $types := include "observability-stack.outputTypes" . | fromJson -}}
{{- /* A Fargate node runs one pod, whose name is in the tag, and the router's environment is not known. */ -}}
{{- $names := merge (dict "pipeline" "fargate" "node" "fargate") (include "observability-stack.outputNames" . | fromJson) -}}
{{- $sections := list -}}
{{- range $output := include "observability-stack.receivers" (dict "root" . "component" "fargate") | fromJsonArray -}}
{{- $type := get $types $output.type -}}
{{- $section := include "observability-stack.fluentBitOutput" (dict "output" $output "types" $types "names" $names "aws" $.Values.aws "caDirectory" "" "legacy" true) | fromJson -}}
{{- /* It buffers in memory. */ -}}
{{- $sections = append $sections (merge (dict "name" ($type.logRouter | default $type.plugin) "match" "kube.*") (omit $section "storage.total_limit_size")) -}}
{{- end -}}
{{- $sections | toJson -}}
{{- end -}}

{{/* The same with the log of the router itself, as JSON, for what its outputs require. */}}
{{- define "observability-stack.fargateWrites" -}}
{{- $outputs := include "observability-stack.fargateOutputs" . | fromJsonArray -}}
{{- if and .Values.fargate.logging.enabled .Values.fargate.logging.flbLogCw -}}
{{- $group := printf "%s-fluent-bit-logs" .Values.cluster.name -}}
{{- $outputs = append $outputs (dict "name" "cloudwatch_logs" "region" .Values.cluster.region "auto_create_group" true "log_group_name" $group) -}}
{{- end -}}
{{- $outputs | toJson -}}
{{- end -}}

{{/* Its filters, as JSON. Fargate adds the address of the API server and credentials to the Kubernetes filter. */}}
{{- define "observability-stack.fargateFilters" -}}
{{- $logging := .Values.fargate.logging -}}
{{- $metadata := dict
  "name" "kubernetes"
  "match" "kube.*"
  "labels" $logging.labels
  "annotations" $logging.annotations
  "buffer_size" 0
  "kube_meta_cache_ttl" "300s"
-}}
{{- if $logging.parseJson }}{{ $metadata = merge $metadata (dict "merge_log" true "merge_log_key" "log_processed" "keep_log" (not (empty (include "observability-stack.keepsLines" .)))) }}{{ end -}}
{{- $filters := list (dict "name" "parser" "match" "kube.*" "key_name" "log" "parser" "parts") $metadata -}}
{{- $origin := include "observability-stack.originFilter" (dict "root" . "pipeline" "fargate" "record" list "options" (dict "match" "kube.*")) -}}
{{- concat $filters (fromJsonArray $origin) $logging.extraFilters | toJson -}}
{{- end -}}

{{/* The data of the ConfigMap, as JSON. */}}
{{- define "observability-stack.fargateData" -}}
{{- $parsers := prepend .Values.fargate.logging.extraParsers (include "observability-stack.partsParser" . | fromJson) -}}
{{- $data := dict "flb_log_cw" (toString .Values.fargate.logging.flbLogCw) -}}
{{- range $file := list
  (dict "key" "filters.conf" "kind" "FILTER" "sections" (include "observability-stack.fargateFilters" . | fromJsonArray))
  (dict "key" "output.conf" "kind" "OUTPUT" "sections" (include "observability-stack.fargateOutputs" . | fromJsonArray))
  (dict "key" "parsers.conf" "kind" "PARSER" "sections" $parsers)
-}}
{{- $_ := set $data $file.key (include "observability-stack.classicSections" $file | trim | printf "%s\n") -}}
{{- end -}}
{{- $data | toJson -}}
{{- end -}}
