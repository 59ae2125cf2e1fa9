{{/*
Fluent Bit configuration of the node agent. Tags begin with their pipeline: application.pods.*, dataplane.pods.*,
dataplane.journal, host.journal and host.files.*.
*/}}

{{/* One input, as JSON: dict "root" $ "source" <of observability-stack.logSources>. */}}
{{- define "observability-stack.logInput" -}}
{{- $logs := .root.Values.logs -}}
{{- $source := .source -}}
{{- /* Excess chunks go to disk. A paused input would lose files that are rotated in the meantime. */ -}}
{{- $common := dict
  "alias" $source.name
  "db" (printf "%s/%s.db" (include "observability-stack.stateDir" .) $source.name)
  "storage.type" "filesystem"
  "storage.pause_on_chunks_overlimit" false
-}}
{{- if eq $source.kind "journal" -}}
{{- merge $common (dict
  "name" "systemd"
  "tag" (printf "%s.journal" $source.pipeline)
  "path" $logs.journalPath
  "systemd_filter" $source.matches
  "read_from_tail" (not $logs.readFromHead)
) | toJson -}}
{{- else -}}
{{- /* Read rotated files until they are deleted. `file_cache_advise` would write a container's log to disk after each of its lines.
Without inotify, a file is read once every 250 ms, and what exceeds the buffer waits. */ -}}
{{- $input := merge $common (dict
  "name" "tail"
  "path" (join "," $source.paths)
  "db.locking" true
  "read_from_head" $logs.readFromHead
  "refresh_interval" (int $logs.refreshInterval)
  "rotate_wait" 315360000
  "buffer_chunk_size" (ternary "64k" $logs.bufferMaxSize $logs.inotifyWatcher)
  "buffer_max_size" $logs.bufferMaxSize
  "skip_long_lines" true
  "truncate_long_lines" true
  "file_cache_advise" false
  "inotify_watcher" $logs.inotifyWatcher
) -}}
{{- if eq $source.kind "files" -}}
{{- $input = merge $input (dict "tag" "host.files.*" "path_key" "file" "offset_key" "offset") -}}
{{- else -}}
{{- $input = merge $input (dict
  "tag" (printf "%s.pods.<namespace>_<pod>_<container>" $source.pipeline)
  "tag_regex" "^/var/log/pods/(?<namespace>[^_/]+)_(?<pod>[^_/]+)_[^/]+/(?<container>[^/]+)/[0-9]+\\.log"
) (ternary (dict "multiline.parser" "cri") (dict "parser" "parts") $logs.joinParts) -}}
{{- with $source.exclude }}{{ $_ := set $input "exclude_path" (printf "%s*" (join "*," .)) }}{{ end -}}
{{- if eq $source.name "application" -}}
{{- with include "observability-stack.containerMultilineProcessors" $logs | fromJsonArray }}{{ $_ := set $input "processors" (dict "logs" .) }}{{ end -}}
{{- end -}}
{{- end -}}
{{- $input | toJson -}}
{{- end -}}
{{- end -}}

{{/* Adds pod metadata. The kubelet knows every pod of its node, so the API server gets no requests. */}}
{{- define "observability-stack.metadataFilter" -}}
{{- $values := .Values.logs -}}
{{- $metadata := $values.metadata -}}
name: kubernetes
alias: metadata
match_regex: ^(application|dataplane)\.pods\.
# Fluent Bit removes the prefix by its length; the parser accepts the tags of both pipelines.
kube_tag_prefix: dataplane.
regex_parser: pods
merge_log: {{ $values.application.parseJson }}
{{- if $values.application.parseJson }}
merge_log_key: log_processed
keep_log: {{ not (empty (include "observability-stack.keepsLines" .)) }}
{{- end }}
{{- range $name, $on := $metadata.k8sLogging }}{{ if $on }}
k8s-logging.{{ $name }}: true
{{- end }}{{ end }}
{{- if include "observability-stack.addsEntity" . }}
# Adds the workload. With this file, it does not ask the CloudWatch agent for names of services.
aws_use_pod_association: true
aws_pod_service_preload_cache_dir: /etc/fluent-bit/services
{{- end }}
{{- if eq $metadata.from "tag" }}
use_tag_for_meta: true
labels: false
annotations: false
{{- else }}
labels: {{ $metadata.labels }}
annotations: {{ $metadata.annotations }}
# No limit: the response of a full node would be truncated, and requested again for each record.
buffer_size: 0
# The first response about a new pod lacks its address and container ID.
kube_meta_cache_ttl: {{ $metadata.kubeMetaCacheTtl | int }}
tls.verify: {{ not $metadata.insecureSkipVerify }}
{{- if eq $metadata.from "kubelet" }}
use_kubelet: true
kubelet_host: ${NODE_IP}
kubelet_port: 10250
# Resolved at startup but not used: a host name would delay the agent while DNS is not available.
kube_url: https://127.0.0.1:443
{{- end }}
{{- end }}
{{- end -}}

{{- define "observability-stack.logFilters" -}}
{{- $values := .Values.logs -}}
{{- $pipelines := include "observability-stack.pipelines" (dict "root" . "component" "logs") | fromJsonArray -}}
{{- $filters := list -}}
{{- range $pipelines -}}
{{- $throttle := dict "name" "throttle" "alias" (printf "rate-%s" .) "match" (printf "%s.*" .) "window" 5 "interval" "1s" -}}
{{- with int (get $values .).rateLimit }}{{ $filters = append $filters (set $throttle "rate" .) }}{{ end -}}
{{- end -}}
{{- if or $values.application.enabled (and $values.dataplane.enabled $values.dataplane.pods) -}}
{{- if $values.joinParts -}}
{{- /* Drop the partial-line flag of the runtime: the parser has joined the parts. */ -}}
{{- $filters = append $filters (dict "name" "record_modifier" "alias" "parts" "match_regex" "^(application|dataplane)\\.pods\\." "remove_key" "_p") -}}
{{- end -}}
{{- $filters = append $filters (include "observability-stack.metadataFilter" . | fromYaml) -}}
{{- if include "observability-stack.addsEntity" . -}}
{{- $filters = append $filters (dict "name" "record_modifier" "alias" "entity" "match_regex" "^(application|dataplane)\\.pods\\." "record" (printf "aws_entity_account_id %s" .Values.cluster.accountId)) -}}
{{- end -}}
{{- end -}}
{{- if include "observability-stack.readsJournal" . -}}
{{- $names := include "observability-stack.journalFields" . | fromJson -}}
{{- $renamed := list -}}
{{- range $field, $name := $names }}{{ $renamed = append $renamed (printf "%s %s" $field $name) }}{{ end -}}
{{- $match := "^(dataplane|host)\\.journal$" -}}
{{- $filters = append $filters (dict "name" "record_modifier" "alias" "journal" "match_regex" $match "allowlist_key" (keys $names | sortAlpha)) -}}
{{- $filters = append $filters (dict "name" "modify" "alias" "journal-names" "match_regex" $match "rename" $renamed) -}}
{{- end -}}
{{- range $pipelines -}}
{{- $options := dict "alias" (printf "origin-%s" .) "match" (printf "%s.*" .) -}}
{{- $filters = concat $filters (include "observability-stack.originFilter" (dict "root" $ "pipeline" . "record" (list "node ${HOST_NAME}") "options" $options) | fromJsonArray) -}}
{{- end -}}
{{- $fields := include "observability-stack.fieldFilters" (dict "root" . "match" (dict "match_regex" "^(application|dataplane)\\.pods\\.") "flat" (eq $values.metadata.from "tag")) | fromJsonArray -}}
{{- concat $filters (include "observability-stack.redactionFilters" (dict "root" . "prefix" "application\\.pods\\." "filters" (concat $values.extraFilters $fields)) | fromJsonArray) | toJson -}}
{{- end -}}

{{/* The parser of a container runtime's lines (CRI), which keeps the parts of long lines apart, as JSON. */}}
{{- define "observability-stack.partsParser" -}}
{{- dict
  "name" "parts"
  "format" "regex"
  "regex" "^(?<time>[^ ]+) (?<stream>stdout|stderr) (?<_p>[FP]) (?<log>.*)$"
  "time_key" "time"
  "time_format" "%Y-%m-%dT%H:%M:%S.%L%z"
  "time_keep" true
| toJson -}}
{{- end -}}

{{/* The complete configuration, as YAML. */}}
{{- define "observability-stack.fluentBitConfig" -}}
{{- $parsers := list (dict "name" "pods" "format" "regex" "regex" "\\.?pods\\.(?<namespace_name>[^_]+)_(?<pod_name>[^_]+)_(?<container_name>[^_]+)$") -}}
{{- if not .Values.logs.joinParts -}}
{{- $parsers = append $parsers (include "observability-stack.partsParser" . | fromJson) -}}
{{- end -}}
{{- $parsers = concat $parsers .Values.logs.extraParsers -}}
{{- $inputs := list -}}
{{- range include "observability-stack.logSources" . | fromJsonArray -}}
{{- $inputs = append $inputs (include "observability-stack.logInput" (dict "root" $ "source" .) | fromJson) -}}
{{- end -}}
{{- $inputs = include "observability-stack.withProcessors" (dict "inputs" $inputs "processors" .Values.logs.extraProcessors) | fromJsonArray -}}
{{- $inputs = concat $inputs (include "observability-stack.redactionInputs" (dict "root" . "tenants" true) | fromJsonArray) -}}
{{- $inputs = append $inputs (include "observability-stack.positionsInput" . | fromJson) -}}
{{- $pipeline := dict "inputs" $inputs "outputs" (include "observability-stack.fluentBitOutputs" (dict "root" . "component" "logs") | fromJsonArray) -}}
{{- with include "observability-stack.logFilters" . | fromJsonArray }}{{ $_ := set $pipeline "filters" . }}{{ end -}}
{{- $config := dict "service" (include "observability-stack.fluentBitService" .Values.logs | fromJson) "parsers" $parsers "pipeline" $pipeline -}}
{{- with include "observability-stack.containerMultilineParsers" .Values.logs | fromJsonArray }}{{ $_ := set $config "multiline_parsers" . }}{{ end -}}
{{- toYaml $config -}}
{{- end -}}
