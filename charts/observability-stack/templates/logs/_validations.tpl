{{/* Checks of logs and events, where they are enabled. */}}

{{- define "observability-stack.checkLogs" -}}
{{- if or .Values.logs.enabled .Values.events.enabled -}}
{{- include "observability-stack.checkLogOutputs" . -}}
{{- end -}}
{{- if .Values.logs.enabled -}}
{{- include "observability-stack.checkLogPipelines" . -}}
{{- if include "observability-stack.logsByFluentBit" . -}}
{{- include "observability-stack.checkLogMetadata" . -}}
{{- include "observability-stack.checkLogAgent" . -}}
{{- else -}}
{{- include "observability-stack.checkFluentd" . -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "observability-stack.checkLogOutputs" -}}
{{- $names := include "observability-stack.outputNames" . | fromJson -}}
{{- $sources := list -}}
{{- range list "logs" "events" }}{{ $sources = concat $sources (include "observability-stack.pipelines" (dict "root" $ "component" .) | fromJsonArray) }}{{ end -}}
{{- $given := dict
  "outputs" (include "observability-stack.outputs" . | fromJsonArray)
  "types" (include "observability-stack.outputTypes" . | fromJson)
  "by" "pipelines"
  "sources" $sources
  "namespaced" (list "application")
  "read" .Values.logs.application.namespaces
-}}
{{- include "observability-stack.checkOutputs" (set $given "names" (merge (dict "pipeline" "") $names)) -}}
{{- include "observability-stack.checkOutputMatches" (set $given "names" $names) -}}
{{- range $output := $given.outputs }}
{{- $pipelines := dig "match" "pipelines" list $output }}
{{- range $path, $value := dict "match.namespaces" (dig "match" "namespaces" dict $output) "logGroupTemplate" (get $output "logGroupTemplate") "logStreamTemplate" (get $output "logStreamTemplate") }}
{{- include "observability-stack.reject" (list (and $pipelines (not (has "application" $pipelines)) (or (and $value (kindIs "map" $value)) (contains "$kubernetes" (toString $value))))
  (printf "`outputs.%s.%s` selects by namespace or pod, but `match.pipelines` does not contain application, the only pipeline with pod metadata in its tags. Remove the option, or add the pipeline." $output.name $path)
  (printf "outputs.%s.match.pipelines" $output.name) (append $pipelines "application")) }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "observability-stack.checkLogPipelines" -}}
{{- $values := .Values.logs -}}
{{- include "observability-stack.reject" (list (not (include "observability-stack.pipelines" (dict "root" . "component" "logs") | fromJsonArray))
  "`logs.enabled` is true, but every pipeline below `logs` is disabled."
  "logs.enabled" false "logs.application.enabled" true) }}
{{- range $name, $other := dict "dataplane" "pods" "host" "files" }}
{{- $pipeline := get $values $name }}
{{- include "observability-stack.reject" (list (and $pipeline.enabled (not $pipeline.journal) (not (get $pipeline $other)))
  (printf "`logs.%s` is enabled, but `journal` and `%s` are empty, so the pipeline reads nothing." $name $other)
  (printf "logs.%s.enabled" $name) false) }}
{{- end }}
{{- $namespaces := $values.application.namespaces }}
{{- range $namespaces.include }}
{{- include "observability-stack.reject" (list (has . $namespaces.exclude)
  (printf "Namespace %s is in both `include` and `exclude` of `logs.application.namespaces`. Remove it from one of them." .)
  "logs.application.namespaces.exclude" (without $namespaces.exclude .)) }}
{{- end }}
{{- end -}}

{{- define "observability-stack.checkLogMetadata" -}}
{{- $metadata := .Values.logs.metadata -}}
{{- include "observability-stack.reject" (list (and (eq $metadata.from "kubelet") (semverCompare "<1.33-0" .Capabilities.KubeVersion.Version))
  "`logs.metadata.from` is kubelet, but before Kubernetes 1.33 the kubelet requires nodes/proxy, a permission to run commands in any pod."
  "logs.metadata.from" "api") }}
{{- range $name := list "labels" "annotations" }}
{{- include "observability-stack.reject" (list (and (eq $metadata.from "tag") (get $metadata $name))
  (printf "`logs.metadata.%s` is true, but `logs.metadata.from: tag` adds only names." $name) "logs.metadata.from" "kubelet") }}
{{- end }}
{{- end -}}

{{/* A chunk uses up to 2 MB of memory, and Fluent Bit itself up to 64. */}}
{{- define "observability-stack.checkLogAgent" -}}
{{- $values := .Values.logs -}}
{{- $limit := ($values.resources.limits | default dict).memory | default "" | toString -}}
{{- $mebibytes := dict "Mi" 1.0 "Gi" 1024.0 "M" 0.953 "G" 953.6 -}}
{{- $unit := regexFind "[A-Za-z]+$" $limit -}}
{{- if hasKey $mebibytes $unit }}
{{- $room := mulf (trimSuffix $unit $limit | float64) (get $mebibytes $unit) | int }}
{{- $needed := add 64 (mul 2 $values.storage.maxChunksUp) | int }}
{{- include "observability-stack.reject" (list (gt $needed $room)
  (printf "`logs.storage.maxChunksUp` is %v, so the agent can use %dMi, but `logs.resources.limits.memory` is %s: the agent would be OOM-killed during an outage." $values.storage.maxChunksUp $needed $limit)
  "logs.resources.limits.memory" (printf "%dMi" $needed)
  "logs.storage.maxChunksUp" (max 8 (div (sub $room 64) 2))) }}
{{- end }}
{{- $version := $values.image.tag }}
{{- if and (not $values.image.digest) (regexMatch "^v?[0-9]+\\.[0-9]+\\.[0-9]+$" $version) }}
{{- include "observability-stack.reject" (list (semverCompare "<5.1.1" $version)
  (printf "`logs.image.tag` is %s, but Fluent Bit before 5.1.1 has known vulnerabilities or is no longer supported." $version)
  "logs.image.tag" "5.1.1") }}
{{- end }}
{{- end -}}
