{{/* Rules for logs and events, which apply where they are enabled. */}}

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
{{- if and $pipelines (not (has "application" $pipelines)) }}
{{- range $path, $value := dict "match.namespaces" (dig "match" "namespaces" dict $output) "logGroupTemplate" (get $output "logGroupTemplate") "logStreamTemplate" (get $output "logStreamTemplate") }}
{{- if or (and $value (kindIs "map" $value)) (contains "$kubernetes" (toString $value)) }}
outputs.{{ $output.name }}.{{ $path }} is set, but outputs select by namespace and pod in the pipeline application only, and match.pipelines does not contain it. Remove it, or write:
outputs:
  {{ $output.name }}:
    match:
      pipelines: {{ append $pipelines "application" | toJson }}{{ "\f" }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "observability-stack.checkLogPipelines" -}}
{{- $values := .Values.logs -}}
{{- if not (include "observability-stack.pipelines" (dict "root" . "component" "logs") | fromJsonArray) }}
logs.enabled is true, but no pipeline of logs is enabled: there is nothing to deliver. Write one of:
logs:
  enabled: false
logs:
  application:
    enabled: true{{ "\f" }}
{{- end }}
{{- range $name, $other := dict "dataplane" "pods" "host" "files" }}
{{- $pipeline := get $values $name }}
{{- if and $pipeline.enabled (not $pipeline.journal) (not (get $pipeline $other)) }}
logs.{{ $name }} has neither `journal` nor `{{ $other }}`: it reads nothing. Write:
logs:
  {{ $name }}:
    enabled: false{{ "\f" }}
{{- end }}
{{- end }}
{{- $namespaces := $values.application.namespaces }}
{{- range $namespaces.include }}
{{- if has . $namespaces.exclude }}
Namespace {{ . }} is in logs.application.namespaces.include and in exclude. Remove it from one of them:
logs:
  application:
    namespaces:
      exclude: {{ without $namespaces.exclude . | toJson }}{{ "\f" }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "observability-stack.checkLogMetadata" -}}
{{- $metadata := .Values.logs.metadata -}}
{{- if and (eq $metadata.from "kubelet") (semverCompare "<1.33-0" .Capabilities.KubeVersion.Version) }}
logs.metadata.from is kubelet, but before Kubernetes 1.33 a kubelet requires nodes/proxy, which permits commands in any pod. Write:
logs:
  metadata:
    from: api{{ "\f" }}
{{- end }}
{{- range $name := list "labels" "annotations" }}
{{- if and (eq $metadata.from "tag") (get $metadata $name) }}
logs.metadata.{{ $name }} is true, but logs.metadata.from: tag adds only names. Write:
logs:
  metadata:
    from: kubelet{{ "\f" }}
{{- end }}
{{- end }}
{{- end -}}

{{/* A chunk in memory has up to 2 MB, and Fluent Bit itself uses up to 64. */}}
{{- define "observability-stack.checkLogAgent" -}}
{{- $values := .Values.logs -}}
{{- $limit := ($values.resources.limits | default dict).memory | default "" | toString -}}
{{- $mebibytes := dict "Mi" 1.0 "Gi" 1024.0 "M" 0.953 "G" 953.6 -}}
{{- $unit := regexFind "[A-Za-z]+$" $limit -}}
{{- if hasKey $mebibytes $unit }}
{{- $room := mulf (trimSuffix $unit $limit | float64) (get $mebibytes $unit) | int }}
{{- $needed := add 64 (mul 2 $values.storage.maxChunksUp) | int }}
{{- if gt $needed $room }}
logs.storage.maxChunksUp is {{ $values.storage.maxChunksUp }}, so the agent can use {{ $needed }}Mi, but logs.resources.limits.memory is {{ $limit }}: it would be killed during an outage. Write one of:
logs:
  resources:
    limits:
      memory: {{ $needed }}Mi
logs:
  storage:
    maxChunksUp: {{ max 8 (div (sub $room 64) 2) }}{{ "\f" }}
{{- end }}
{{- end }}
{{- $version := $values.image.tag }}
{{- if and (not $values.image.digest) (regexMatch "^v?[0-9]+\\.[0-9]+\\.[0-9]+$" $version) }}
{{- if semverCompare "<5.1.1" $version }}
logs.image.tag is {{ $version }}, but Fluent Bit before 5.1.1 has known vulnerabilities or is no longer supported. Write:
logs:
  image:
    tag: 5.1.1{{ "\f" }}
{{- end }}
{{- end }}
{{- end -}}
