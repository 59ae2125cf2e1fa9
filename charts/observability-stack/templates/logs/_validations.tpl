{{/* Checks of logs and events, where they are enabled, and of the outputs that Fargate's log router shares with them. */}}

{{- define "observability-stack.checkLogs" -}}
{{- if or .Values.logs.enabled .Values.events.enabled .Values.fargate.logging.enabled -}}
{{- include "observability-stack.checkLogOutputs" . -}}
{{- end -}}
{{- if .Values.logs.enabled -}}
{{- include "observability-stack.checkLogPipelines" . -}}
{{- include "observability-stack.checkReadNamespaces" . -}}
{{- if include "observability-stack.logsByFluentBit" . -}}
{{- include "observability-stack.checkLogAgent" . -}}
{{- include "observability-stack.checkKubeletMetadata" . -}}
{{- include "observability-stack.checkFluentBitVersion" (dict "path" "logs.image" "image" .Values.logs.image) -}}
{{- else -}}
{{- include "observability-stack.checkFluentd" . -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "observability-stack.checkLogOutputs" -}}
{{- include "observability-stack.checkEntities" . -}}
{{- range $component := list "logs" "events" "fargate" }}
{{- $account := get $.Values.serviceAccounts $component }}
{{- range ternary list (include "observability-stack.receivers" (dict "root" $ "component" .) | fromJsonArray) (empty $account) }}
{{- include "observability-stack.checkOutputRole" (dict "output" . "path" (printf "serviceAccounts.%s" $component) "account" $account) }}
{{- end }}
{{- end }}
{{- include "observability-stack.checkAgentOutputs" (include "observability-stack.routed" . | fromJson | merge (dict "root" .)) -}}
{{- range $output := include "observability-stack.outputs" . | fromJsonArray }}
{{- $pipelines := dig "match" "pipelines" list $output }}
{{- range $path, $value := dict "match.namespaces" (dig "match" "namespaces" dict $output) "logGroupTemplate" (get $output "logGroupTemplate") "logStreamTemplate" (get $output "logStreamTemplate") }}
{{- include "observability-stack.reject" (list (and $pipelines (not (or (has "application" $pipelines) (has "fargate" $pipelines))) (or (and $value (kindIs "map" $value)) (contains "$kubernetes" (toString $value))))
  (printf "`outputs.%s.%s` selects by namespace or pod, but `match.pipelines` does not contain application, the only pipeline with pod metadata in its tags. Remove the option, or add the pipeline." $output.name $path)
  (printf "outputs.%s.match.pipelines" $output.name) (append $pipelines "application")) }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "observability-stack.checkLogPipelines" -}}
{{- $values := .Values.logs -}}
{{- include "observability-stack.reject" (list (not (include "observability-stack.pipelines" (dict "root" . "component" "logs") | fromJsonArray))
  "`logs.enabled` is true, but every pipeline below `logs` is disabled." "logs.enabled" false "logs.application.enabled" true) }}
{{- range $name, $other := dict "dataplane" "pods" "host" "files" }}
{{- $pipeline := get $values $name }}
{{- include "observability-stack.reject" (list (and $pipeline.enabled (not $pipeline.journal) (not (get $pipeline $other)))
  (printf "`logs.%s` is enabled, but `journal` and `%s` are empty, so the pipeline reads nothing." $name $other)
  (printf "logs.%s.enabled" $name) false) }}
{{- end }}
{{- end -}}

{{- define "observability-stack.checkLogAgent" -}}
{{- $values := .Values.logs -}}
{{- /* A chunk uses up to 2 MB of memory, and Fluent Bit itself up to 64. */}}
{{- include "observability-stack.rejectBuffer" (dict "path" "logs" "block" $values "option" "storage.maxChunksUp" "base" 64 "factor" 2) }}
{{- range list "labels" "annotations" "k8sLogging.exclude" "k8sLogging.parser" }}
{{- $on := (include "observability-stack.at" (dict "values" $values.metadata "path" .) | fromJson).value }}
{{- include "observability-stack.reject" (list (and (eq $values.metadata.from "tag") $on)
  (printf "`logs.metadata.%s` is true, but `logs.metadata.from: tag` adds only names." .) "logs.metadata.from" "kubelet") }}
{{- end }}
{{- include "observability-stack.checkMetadataFields" (dict "root" . "sources" (list "application" "dataplane")) }}
{{- include "observability-stack.reject" (list (and $values.metadata.k8sLogging.parser (not $values.application.parseJson))
  "`logs.metadata.k8sLogging.parser` is true, but Fluent Bit parses records only with `logs.application.parseJson`."
  "logs.application.parseJson" true) }}
{{- $formats := list (dict "path" "logs.application.multiline" "formats" $values.application.multiline) }}
{{- include "observability-stack.checkMultiline" (dict "path" "logs.extraMultilineParsers" "own" $values.extraMultilineParsers "used" $formats) }}
{{- include "observability-stack.checkAgentFilters" (dict "path" "logs" "settings" $values "parsers" (list "parts" "pods") "multiline" (list "logs.application.multiline" (list "java"))) }}
{{- end -}}
