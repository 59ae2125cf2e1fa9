{{/* Fluent Bit's configuration of the collector of events: data, written as YAML. */}}

{{- define "observability-stack.eventsState" -}}
/var/lib/fluent-bit
{{- end -}}

{{/*
`db` holds the ids of events that were taken: without it a start would take those of the last hour again. It holds ids
only, so that an event whose count grows is taken again when its id is forgotten, after the look back.
*/}}
{{- define "observability-stack.eventsInput" -}}
name: kubernetes_events
alias: events
tag: events
db: {{ include "observability-stack.eventsState" . }}/events.db
db.sync: normal
db.locking: true
kube_retention_time: {{ .Values.events.lookbackMinutes | int }}m
# Pages: Fluent Bit holds a whole answer in memory.
kube_request_limit: 250
interval_sec: 1
interval_nsec: 0
storage.type: filesystem
processors:
  logs:
    {{- include "observability-stack.eventsFilters" . | fromJsonArray | toYaml | nindent 4 }}
# In a thread of its own it would note events as taken a moment before they are in the buffer: a kill would lose them.
threaded: false
{{- end -}}

{{/* A regular expression that one of several words fits as a whole. Argument: the list. */}}
{{- define "observability-stack.eventsWords" -}}
^(?:{{ join "|" . }})$
{{- end -}}

{{/*
Filters, as a JSON list. They run before a record counts as read: else an alert would miss what was left out on purpose.
What the API server keeps about who wrote which field (`managedFields`) is a third of an event,
and tells nobody anything; as filters remove keys of the first level only, it is lifted there and the others put back.
*/}}
{{- define "observability-stack.eventsFilters" -}}
{{- $events := .Values.events -}}
{{- $filters := list -}}
{{- range $alias, $rule := dict
  "types" (list "regex" "$type" (ternary (list) $events.types (eq 2 (len $events.types))))
  "namespaces" (list "regex" "$metadata['namespace']" $events.namespaces.include)
  "other-namespaces" (list "exclude" "$metadata['namespace']" $events.namespaces.exclude)
  "reasons" (list "exclude" "$reason" $events.excludeReasons) -}}
{{- with index $rule 2 -}}
{{- $filters = append $filters (dict "name" "grep" "alias" $alias (index $rule 0) (printf "%s %s" (index $rule 1) (include "observability-stack.eventsWords" .))) -}}
{{- end -}}
{{- end -}}
{{- $filters = append $filters (dict "name" "nest" "alias" "lift" "operation" "lift" "nested_under" "metadata" "add_prefix" "metadata.") -}}
{{- $filters = append $filters (dict "name" "record_modifier" "alias" "fields" "remove_key" "metadata.managedFields") -}}
{{- $filters = append $filters (dict "name" "nest" "alias" "nest" "operation" "nest" "wildcard" "metadata.*" "nest_under" "metadata" "remove_prefix" "metadata.") -}}
{{- if ne .Values.logs.output.type "cloudwatch" -}}
{{- /* No log group says it there; the node of the collector says nothing. */ -}}
{{- $filters = append $filters (dict "name" "record_modifier" "alias" "origin" "record" (list (printf "cluster %s" .Values.cluster.name) "pipeline events")) -}}
{{- end -}}
{{- $filters | toJson -}}
{{- end -}}

{{/* Where logs go, as JSON; in CloudWatch one stream of one name, wherever the collector runs. */}}
{{- define "observability-stack.eventsOutput" -}}
{{- $given := dict "root" . "name" "events" "match" "events" "values" .Values.events "stateDir" (include "observability-stack.eventsState" .) -}}
{{- $output := include "observability-stack.logOutput" $given | fromJson -}}
{{- if eq .Values.logs.output.type "cloudwatch" -}}
{{- $output = merge (dict "log_stream_name" "events") (omit $output "log_stream_prefix") -}}
{{- end -}}
{{- $output | toJson -}}
{{- end -}}

{{- define "observability-stack.eventsConfig" -}}
{{- $values := dict
  "logLevel" .Values.events.logLevel
  "flushSeconds" 1
  "maxChunksUp" 16
  "http" (dict "listen" "0.0.0.0" "port" 2020)
  "health" (dict "errors" 20 "retryFailures" 20 "periodSeconds" 60)
  "terminationGracePeriodSeconds" 30
-}}
{{- $service := include "observability-stack.logService" (dict "stateDir" (include "observability-stack.eventsState" .) "values" $values) | fromJson -}}
{{- $pipeline := dict
  "inputs" (list (include "observability-stack.eventsInput" . | fromYaml))
  "outputs" (list (include "observability-stack.eventsOutput" . | fromJson))
-}}
{{- dict "fluent-bit.yaml" (dict "service" $service "pipeline" $pipeline | toYaml) | toYaml -}}
{{- end -}}
