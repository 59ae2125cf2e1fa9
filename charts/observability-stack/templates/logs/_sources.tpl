{{/* Sources of logs on a node, for both engines. */}}

{{/* Whether Fluent Bit, rather than fluentd, collects logs. */}}
{{- define "observability-stack.logsByFluentBit" -}}
{{- if and .Values.logs.enabled (eq .Values.logs.engine "fluent-bit") }}true{{ end -}}
{{- end -}}

{{- define "observability-stack.readsJournal" -}}
{{- $logs := .Values.logs -}}
{{- if or (and $logs.dataplane.enabled $logs.dataplane.journal) (and $logs.host.enabled $logs.host.journal) }}true{{ end -}}
{{- end -}}

{{/*
The sources, as a JSON list. Each has a `name`, a `pipeline` and a `kind`: `pods` (with `paths`, and `exclude`, a list of path
prefixes), `files` (with `paths`) or `journal` (with `matches`). Pods log to /var/log/pods/<namespace>_<pod>_<uid>/<container>/
<restarts>.log. The links in /var/log/containers name only the newest file, so files that the kubelet rotates while no
agent runs would be lost.
*/}}
{{- define "observability-stack.logSources" -}}
{{- $logs := .Values.logs -}}
{{- $dataplane := list -}}
{{- range $logs.dataplane.pods }}{{ $dataplane = append $dataplane (printf "/var/log/pods/%s" (replace "/" "_" .)) }}{{ end -}}
{{- $sources := list -}}
{{- if $logs.application.enabled -}}
{{- $include := list -}}
{{- range $logs.application.namespaces.include }}{{ $include = append $include (printf "/var/log/pods/%s_" .) }}{{ end -}}
{{- /* Exclude the agent's own log: errors about failed deliveries would cause more errors. */ -}}
{{- $exclude := prepend $dataplane (printf "/var/log/pods/%s_%s-" .Release.Namespace (include "observability-stack.componentName" (dict "root" . "component" "logs"))) -}}
{{- range $logs.application.namespaces.exclude }}{{ $exclude = append $exclude (printf "/var/log/pods/%s_" .) }}{{ end -}}
{{- $sources = append $sources (dict "kind" "pods" "name" "application" "pipeline" "application" "folders" ($include | default (list "/var/log/pods/")) "exclude" $exclude) -}}
{{- end -}}
{{- if and $logs.dataplane.enabled $dataplane -}}
{{- $sources = append $sources (dict "kind" "pods" "name" "dataplane-pods" "pipeline" "dataplane" "folders" $dataplane "exclude" list) -}}
{{- end -}}
{{- range $source := $sources -}}
{{- $paths := list -}}
{{- range $source.folders }}{{ $paths = concat $paths (list (printf "%s*/*/*.log" .) (printf "%s*/*/*.log.????????-??????" .)) }}{{ end -}}
{{- $_ := set $source "paths" $paths -}}
{{- end -}}
{{- range $pipeline := list "dataplane" "host" -}}
{{- $values := get $logs $pipeline -}}
{{- if and $values.enabled $values.journal -}}
{{- $sources = append $sources (dict "kind" "journal" "name" (printf "%s-journal" $pipeline) "pipeline" $pipeline "matches" $values.journal) -}}
{{- end -}}
{{- end -}}
{{- if and $logs.host.enabled $logs.host.files -}}
{{- $sources = append $sources (dict "kind" "files" "name" "host-files" "pipeline" "host" "paths" $logs.host.files) -}}
{{- end -}}
{{- $sources | toJson -}}
{{- end -}}

{{/* Fields of journal entries with the names that Container Insights uses, as JSON. */}}
{{- define "observability-stack.journalFields" -}}
{{- dict "MESSAGE" "message" "PRIORITY" "priority" "SYSLOG_IDENTIFIER" "identifier" "_HOSTNAME" "hostname" "_SYSTEMD_UNIT" "systemd_unit" | toJson -}}
{{- end -}}
