{{/* Refusals about logs, which count where they are on. */}}

{{- define "observability-stack.checkLogs" -}}
{{- if or .Values.logs.enabled .Values.events.enabled -}}
{{- include "observability-stack.checkLogOutput" . -}}
{{- end -}}
{{- if .Values.logs.enabled -}}
{{- if include "observability-stack.logsByFluentBit" . -}}
{{- include "observability-stack.checkLogPipelines" . -}}
{{- include "observability-stack.checkLogMetadata" . -}}
{{- include "observability-stack.checkLogAgent" . -}}
{{- else -}}
{{- include "observability-stack.checkLogPipelines" . -}}
{{- include "observability-stack.checkFluentd" . -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Events go the same way, with logs or without. */}}
{{- define "observability-stack.checkLogOutput" -}}
{{- include "observability-stack.fluentBitCommon.checkOutput" (dict "path" "logs.output" "output" .Values.logs.output "example" "my-eks-logs") -}}
{{- end -}}

{{- define "observability-stack.checkLogPipelines" -}}
{{- $values := .Values.logs -}}
{{- if not (include "observability-stack.logPipelines" . | fromJsonArray) }}
logs.enabled is true, and none of its pipelines is: an agent would run on every node for nothing. Write one of:
{{- include "observability-stack.write" (dict "path" "logs.enabled" "value" "false") }}
{{- include "observability-stack.write" (dict "path" "logs.application.enabled" "value" "true") }}{{ "\f" }}
{{- end }}
{{- range $name, $other := dict "dataplane" "pods" "host" "files" }}
{{- $pipeline := get $values $name }}
{{- if and $pipeline.enabled (not $pipeline.journal) (not (get $pipeline $other)) }}
logs.{{ $name }} is on, and reads nothing: its `journal` and `{{ $other }}` are empty. Write:
{{- include "observability-stack.write" (dict "path" (printf "logs.%s.enabled" $name) "value" "false") }}{{ "\f" }}
{{- end }}
{{- end }}
{{- $namespaces := $values.application.namespaces }}
{{- range $namespaces.include }}
{{- if has . $namespaces.exclude }}
logs.application.namespaces has {{ . }} both in `include` and in `exclude`. Write:
{{- include "observability-stack.write" (dict "path" "logs.application.namespaces.exclude" "value" (without $namespaces.exclude . | toJson)) }}{{ "\f" }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "observability-stack.checkLogMetadata" -}}
{{- $metadata := .Values.logs.metadata -}}
{{- if and (eq $metadata.from "kubelet") (semverCompare "<1.33-0" .Capabilities.KubeVersion.Version) }}
logs.metadata.from is kubelet, and before Kubernetes 1.33 a kubelet asks for nodes/proxy, which is enough to run commands in any pod. Write:
{{- include "observability-stack.write" (dict "path" "logs.metadata.from" "value" "api") }}{{ "\f" }}
{{- end }}
{{- range $name := list "labels" "annotations" }}
{{- if and (eq $metadata.from "tag") (get $metadata $name) }}
logs.metadata.{{ $name }} is true, and a file's path has no {{ $name }} of its pod. Write:
{{- include "observability-stack.write" (dict "path" "logs.metadata.from" "value" "kubelet") }}{{ "\f" }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Chunks in memory are of 2 MB at most, and Fluent Bit itself takes up to 64. */}}
{{- define "observability-stack.checkLogAgent" -}}
{{- $values := .Values.logs -}}
{{- $limit := ($values.resources.limits | default dict).memory | default "" | toString -}}
{{- $mebibytes := dict "Mi" 1.0 "Gi" 1024.0 "M" 0.953 "G" 953.6 -}}
{{- $unit := regexFind "[A-Za-z]+$" $limit -}}
{{- if hasKey $mebibytes $unit }}
{{- $room := mulf (trimSuffix $unit $limit | float64) (get $mebibytes $unit) | int }}
{{- $needed := add 64 (mul 2 $values.maxChunksUp) | int }}
{{- if gt $needed $room }}
logs.maxChunksUp is {{ $values.maxChunksUp }}, which takes up to {{ $needed }}Mi with Fluent Bit itself, and logs.resources.limits.memory is {{ $limit }}: the agent would be killed when a backend fails. Write one of:
{{- include "observability-stack.write" (dict "path" "logs.resources.limits.memory" "value" (printf "%dMi" $needed)) }}
{{- include "observability-stack.write" (dict "path" "logs.maxChunksUp" "value" (max 8 (div (sub $room 64) 2))) }}{{ "\f" }}
{{- end }}
{{- end }}
{{- $version := $values.image.tag }}
{{- if and (not $values.image.digest) (regexMatch "^v?[0-9]+\\.[0-9]+\\.[0-9]+$" $version) }}
{{- if semverCompare "<5.1.1" $version }}
logs.image.tag is {{ $version }}, and versions of Fluent Bit before 5.1.1 have known holes or are at their end. Write:
{{- include "observability-stack.write" (dict "path" "logs.image.tag" "value" "5.1.1") }}{{ "\f" }}
{{- end }}
{{- end }}
{{- end -}}
