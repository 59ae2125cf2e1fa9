{{/* Where records go. Every tag that an input gives is matched by exactly one output. */}}

{{- define "fluent-bit-windows.groupPrefix" -}}
{{- default (printf "/aws/containerinsights/%s" (include "fluent-bit-windows.clusterName" .)) .Values.routing.prefix -}}
{{- end -}}

{{/* Name of a log group: dict "root" $ "given" <from the values> "last" <its last part when nothing is given>. */}}
{{- define "fluent-bit-windows.group" -}}
{{- default (printf "%s/%s" (include "fluent-bit-windows.groupPrefix" .root) .last) .given -}}
{{- end -}}

{{/* An output to CloudWatch: dict "root" $ "alias" <name> "group" <name> and "match" or "match_regex", "template". */}}
{{- define "fluent-bit-windows.cloudwatchOutput" -}}
{{- $output := .root.Values.output -}}
{{- $settings := $output.cloudwatch -}}
{{- $given := dict
  "output" $output
  "region" (include "fluent-bit-windows.region" .root)
  "group" .group
  "template" .template
  "streamTemplate" (ternary $settings.streamTemplate "" (.containers | default false))
  "retentionDays" $settings.retentionDays
  "groupClass" (ternary "" $settings.groupClass (ne (include "fluent-bit-windows.isLegacy" .root) ""))
-}}
{{- $own := pick . "alias" "match" "match_regex" | merge (dict "retry_limit" (int $output.retries)) -}}
{{- mergeOverwrite (include "fluent-bit-windows.fluentBitCommon.cloudwatch" $given | fromYaml) $own | toYaml -}}
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

{{- define "fluent-bit-windows.fluentBitOutputs" -}}
{{- $type := .Values.output.type -}}
{{- if eq $type "cloudwatch" -}}
{{- include "fluent-bit-windows.cloudwatchOutputs" . -}}
{{- else -}}
{{- $given := dict
  "output" .Values.output
  "region" (include "fluent-bit-windows.region" .)
  "storeDir" (printf "%s\\s3" (include "fluent-bit-windows.stateDir" .))
  "legacy" (include "fluent-bit-windows.isLegacy" .)
-}}
{{- $output := include "fluent-bit-windows.fluentBitCommon.output" $given | fromYaml -}}
{{- $own := dict "alias" $type "match" "*" "retry_limit" (int .Values.output.retries) -}}
{{- list (mergeOverwrite (dict) $output $own) | toJson -}}
{{- end -}}
{{- end -}}
