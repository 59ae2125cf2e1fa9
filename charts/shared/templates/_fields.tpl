{{/*
Fields of metadata that records of pods keep: `logs.metadata.fields` of the values, names as in queries. Fluent Bit has no option for
them, and its filters remove fields of the first level only.
*/}}

{{/* The fields that records do not keep, as a JSON list. Argument: the root. */}}
{{- define "shared.droppedFields" -}}
{{- $kept := .Values.logs.metadata.fields -}}
{{- $dropped := list -}}
{{- range list "time" "stream" "kubernetes.pod_name" "kubernetes.namespace_name" "kubernetes.container_name" "kubernetes.host" "kubernetes.pod_id" "kubernetes.pod_ip" "kubernetes.docker_id" "kubernetes.container_hash" "kubernetes.container_image" -}}
{{- if and $kept (not (has . $kept)) }}{{ $dropped = append $dropped . }}{{ end -}}
{{- end -}}
{{- $dropped | toJson -}}
{{- end -}}

{{/*
Filters that remove these fields, as a JSON list: dict "root" $ "match" <options that select the records of pods> and, where it
applies, "flat" true if the metadata has no fields below `kubernetes` except those of the pod's names.
*/}}
{{- define "shared.fieldFilters" -}}
{{- $dropped := list -}}
{{- $nested := "" -}}
{{- range include "shared.droppedFields" .root | fromJsonArray -}}
{{- if not (and $.flat (regexMatch "^kubernetes\\.(host|pod_i.|docker_id|container_(hash|image))$" .)) -}}
{{- $dropped = append $dropped . -}}
{{- if hasPrefix "kubernetes." . }}{{ $nested = "true" }}{{ end -}}
{{- end -}}
{{- end -}}
{{- $filters := list -}}
{{- if $dropped }}{{ $filters = list (merge (dict "name" "record_modifier" "alias" "fields" "remove_key" $dropped) .match) }}{{ end -}}
{{- if $nested -}}
{{- $lift := merge (dict "name" "nest" "alias" "fields-lift" "operation" "lift" "nested_under" "kubernetes" "add_prefix" "kubernetes.") .match -}}
{{- $nest := merge (dict "name" "nest" "alias" "fields-nest" "operation" "nest" "wildcard" "kubernetes.*" "nest_under" "kubernetes" "remove_prefix" "kubernetes.") .match -}}
{{- $filters = append (prepend $filters $lift) $nest -}}
{{- end -}}
{{- $filters | toJson -}}
{{- end -}}

{{/*
Messages about outputs that require other fields: dict "root" $ "sources" <pipelines with records of pods>. Without the fields that
tell lines apart, equal lines would have one document ID, and be stored once.
*/}}
{{- define "shared.checkMetadataFields" -}}
{{- $dropped := include "shared.droppedFields" .root | fromJsonArray -}}
{{- $kept := .root.Values.logs.metadata.fields -}}
{{- range $output := ternary (include "shared.outputs" .root | fromJsonArray) list (gt (len $dropped) 0) }}
{{- $receives := "" }}
{{- range $.sources }}{{ $receives = include "shared.outputReceives" (dict "output" $output "by" "pipelines" "source" . "namespaced" (list "application")) | default $receives }}{{ end }}
{{- $needed := dict "addEntity" (list "kubernetes.namespace_name" "kubernetes.host") "generateId" (list "time" "kubernetes.namespace_name" "kubernetes.pod_name" "kubernetes.container_name") "logKey" (list (get $output "logKey")) }}
{{- range $option, $value := omit $output "removeKeys" "place" }}
{{- $fields := empty $value | ternary list (get $needed $option | default list) }}
{{- range regexFindAll "\\$(kubernetes\\['[a-z_]+'\\]|(stream|time)\\b)" (toJson $value) -1 }}{{ $fields = append $fields (. | trimPrefix "$" | replace "['" "." | trimSuffix "']") }}{{ end }}
{{- range $receives | empty | ternary list ($fields | uniq) }}
{{- include "shared.reject" (list (has . $dropped) (printf "`outputs.%s.%s` requires the field %s, which `logs.metadata.fields` does not keep." $output.name $option .)
  "logs.metadata.fields" (append $kept .)) }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}
