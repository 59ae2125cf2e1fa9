{{/*
`db` stores the IDs of read events, so that a restart does not read the events of the last hour again. An event whose count
increases is read again when its ID expires, after the lookback.
*/}}
{{- define "observability-stack.eventsInput" -}}
name: kubernetes_events
alias: events
tag: events
db: {{ include "observability-stack.stateDir" . }}/events.db
db.sync: normal
db.locking: true
kube_retention_time: {{ .Values.events.lookbackMinutes | int }}m
# Page size: Fluent Bit keeps a whole response in memory.
kube_request_limit: 250
interval_sec: 1
interval_nsec: 0
storage.type: filesystem
processors:
  logs:
    {{- include "observability-stack.eventsFilters" . | fromJsonArray | toYaml | nindent 4 }}
# A separate thread would mark events as read before they are buffered, and a crash would lose them.
threaded: false
{{- end -}}

{{/*
Filters, as a JSON list. They are processors of the input, since otherwise an alert would report excluded events as lost.
`managedFields` makes up a third of an event. Filters remove only top-level keys, so `metadata` is lifted and nested again.
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
{{- $filters = append $filters (dict "name" "grep" "alias" $alias (index $rule 0) (printf "%s ^(?:%s)$" (index $rule 1) (join "|" .))) -}}
{{- end -}}
{{- end -}}
{{- $filters = append $filters (dict "name" "nest" "alias" "lift" "operation" "lift" "nested_under" "metadata" "add_prefix" "metadata.") -}}
{{- $filters = append $filters (dict "name" "record_modifier" "alias" "fields" "remove_key" "metadata.managedFields") -}}
{{- $filters = append $filters (dict "name" "nest" "alias" "nest" "operation" "nest" "wildcard" "metadata.*" "nest_under" "metadata" "remove_prefix" "metadata.") -}}
{{- $origin := include "observability-stack.originFilter" (dict "root" . "pipeline" "events" "record" list "options" (dict "alias" "origin")) -}}
{{- concat $filters (fromJsonArray $origin) | toJson -}}
{{- end -}}

{{- define "observability-stack.eventsConfig" -}}
{{- $service := include "observability-stack.fluentBitService" (dict
  "logLevel" .Values.events.logLevel
  "flush" 1
  "storage" (dict "maxChunksUp" 16)
  "httpServer" (dict "listen" "${POD_IP}" "port" 2020 "hcErrorsCount" 20 "hcRetryFailureCount" 20 "hcPeriod" 60)
  "terminationGracePeriodSeconds" 30
) | fromJson -}}
{{- $pipeline := dict
  "inputs" (prepend (include "observability-stack.redactionInputs" (dict "root" .) | fromJsonArray) (include "observability-stack.eventsInput" . | fromYaml))
  "outputs" (include "observability-stack.fluentBitOutputs" (dict "root" . "component" "events") | fromJsonArray)
-}}
{{- with include "observability-stack.redactionFilters" (dict "root" .) | fromJsonArray }}{{ $_ := set $pipeline "filters" . }}{{ end -}}
{{- dict "fluent-bit.yaml" (dict "service" $service "pipeline" $pipeline | toYaml) | toYaml -}}
{{- end -}}
