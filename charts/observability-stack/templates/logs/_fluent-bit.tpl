{{/*
Fluent Bit's configuration on a node: one set of data, written as YAML. Tags begin with their pipeline: application.pods.*,
dataplane.pods.*, dataplane.journal, host.journal and host.files.*, and every pipeline has one output.
*/}}

{{- define "observability-stack.logsStateDir" -}}
/var/lib/fluent-bit
{{- end -}}

{{/* Whether the engine is Fluent Bit. */}}
{{- define "observability-stack.logsByFluentBit" -}}
{{- if and .Values.logs.enabled (eq .Values.logs.engine "fluent-bit") }}true{{ end -}}
{{- end -}}

{{/*
Patterns of pods' log files, /var/log/pods/<namespace>_<pod>_<uid>/<container>/<restarts>.log, as a JSON list; argument:
how their folders begin. The links in /var/log/containers name only the newest file: what the kubelet has rotated away
while no agent ran would be lost.
*/}}
{{- define "observability-stack.podLogs" -}}
{{- $paths := list -}}
{{- range . -}}
{{- $paths = concat $paths (list (printf "/var/log/pods/%s*/*/*.log" .) (printf "/var/log/pods/%s*/*/*.log.????????-??????" .)) -}}
{{- end -}}
{{- $paths | toJson -}}
{{- end -}}

{{/* What every tail input has: dict "root" $ "name" <of its positions>. */}}
{{- define "observability-stack.tailInput" -}}
{{- $values := .root.Values.logs -}}
name: tail
alias: {{ .name }}
db: {{ printf "%s/%s.db" (include "observability-stack.logsStateDir" .root) .name }}
db.locking: true
read_from_head: {{ eq $values.readFrom "head" }}
refresh_interval: {{ $values.refreshSeconds | int }}
# A rotated file is read on until it is deleted.
rotate_wait: 315360000
buffer_chunk_size: 64k
buffer_max_size: {{ $values.maxLineSize | quote }}
skip_long_lines: true
truncate_long_lines: true
storage.type: filesystem
# What does not fit into memory goes to the disk; a paused input would lose what is rotated away meanwhile.
storage.pause_on_chunks_overlimit: false
{{- end -}}

{{/* An input of pods' logs: dict "root" $ "name" <of its positions> "pipeline" <name> "paths", "exclude" <lists>. */}}
{{- define "observability-stack.podsInput" -}}
{{ include "observability-stack.tailInput" . }}
tag: {{ .pipeline }}.pods.<namespace>_<pod>_<container>
tag_regex: ^/var/log/pods/(?<namespace>[^_/]+)_(?<pod>[^_/]+)_[^/]+/(?<container>[^/]+)/[0-9]+\.log
path: {{ join "," .paths | quote }}
{{- with .exclude }}
exclude_path: {{ join "," . | quote }}
{{- end }}
{{- if .root.Values.logs.joinParts }}
multiline.parser: cri
{{- else }}
parser: parts
{{- end }}
{{- end -}}

{{/* An input of the journal: dict "root" $ "name" <pipeline> "matches" <list>. */}}
{{- define "observability-stack.journalInput" -}}
name: systemd
alias: {{ .name }}-journal
tag: {{ .name }}.journal
path: {{ .root.Values.logs.journalPath }}
db: {{ printf "%s/%s-journal.db" (include "observability-stack.logsStateDir" .root) .name }}
systemd_filter:
  {{- toYaml .matches | nindent 2 }}
read_from_tail: {{ eq .root.Values.logs.readFrom "tail" }}
storage.type: filesystem
storage.pause_on_chunks_overlimit: false
{{- end -}}

{{/* How folders of pods begin that the data plane has, as a JSON list. */}}
{{- define "observability-stack.dataplanePods" -}}
{{- $pods := list -}}
{{- range .Values.logs.dataplane.pods }}{{ $pods = append $pods (replace "/" "_" .) }}{{ end -}}
{{- $pods | toJson -}}
{{- end -}}

{{- define "observability-stack.logInputs" -}}
{{- $values := .Values.logs -}}
{{- $dataplane := include "observability-stack.dataplanePods" . | fromJsonArray -}}
{{- $made := list -}}
{{- if $values.application.enabled -}}
{{- $namespaces := $values.application.namespaces -}}
{{- $starts := list "" -}}
{{- if $namespaces.include }}{{ $starts = list }}{{ range $namespaces.include }}{{ $starts = append $starts (printf "%s_" .) }}{{ end }}{{ end -}}
{{- /* What the agent says about lines that it cannot send would be more such lines. */}}
{{- $own := printf "%s_%s-" .Release.Namespace (include "observability-stack.componentName" (dict "root" . "component" "logs")) -}}
{{- $excluded := list (printf "/var/log/pods/%s*" $own) -}}
{{- range $dataplane }}{{ $excluded = append $excluded (printf "/var/log/pods/%s*" .) }}{{ end -}}
{{- range $namespaces.exclude }}{{ $excluded = append $excluded (printf "/var/log/pods/%s_*" .) }}{{ end -}}
{{- $given := dict "root" . "name" "application" "pipeline" "application" "paths" (include "observability-stack.podLogs" $starts | fromJsonArray) "exclude" $excluded -}}
{{- $made = append $made (include "observability-stack.podsInput" $given | fromYaml) -}}
{{- end -}}
{{- if and $values.dataplane.enabled $dataplane -}}
{{- $given := dict "root" . "name" "dataplane-pods" "pipeline" "dataplane" "paths" (include "observability-stack.podLogs" $dataplane | fromJsonArray) -}}
{{- $made = append $made (include "observability-stack.podsInput" $given | fromYaml) -}}
{{- end -}}
{{- range $name := list "dataplane" "host" -}}
{{- $pipeline := get $values $name -}}
{{- if and $pipeline.enabled $pipeline.journal -}}
{{- $made = append $made (include "observability-stack.journalInput" (dict "root" $ "name" $name "matches" $pipeline.journal) | fromYaml) -}}
{{- end -}}
{{- end -}}
{{- if and $values.host.enabled $values.host.files -}}
{{- $input := include "observability-stack.tailInput" (dict "root" . "name" "host-files") | fromYaml -}}
{{- $made = append $made (merge $input (dict "tag" "host.files.*" "path" (join "," $values.host.files) "path_key" "file" "offset_key" "offset")) -}}
{{- end -}}
{{- $made | toJson -}}
{{- end -}}

{{/* The kubelet's answer names every pod of the node; nothing is asked of the API server. */}}
{{- define "observability-stack.metadataFilter" -}}
{{- $values := .Values.logs -}}
{{- $metadata := $values.metadata -}}
name: kubernetes
alias: metadata
match_regex: ^(application|dataplane)\.pods\.
# Is cut off by its length; the parser finds its way behind either pipeline.
kube_tag_prefix: dataplane.
regex_parser: pods
merge_log: {{ $values.application.parseJson }}
{{- if $values.application.parseJson }}
merge_log_key: log_processed
keep_log: false
{{- end }}
{{- if eq $metadata.from "tag" }}
use_tag_for_meta: true
labels: false
annotations: false
{{- else }}
labels: {{ $metadata.labels }}
annotations: {{ $metadata.annotations }}
# 0 is no limit: else the answer of a full node would be cut off, and asked for again with each record.
buffer_size: 0
# The first answer about a new pod has neither its address nor its container's id.
kube_meta_cache_ttl: {{ $metadata.refreshSeconds | int }}
tls.verify: {{ not $metadata.insecureSkipVerify }}
{{- if eq $metadata.from "kubelet" }}
use_kubelet: true
kubelet_host: ${NODE_IP}
kubelet_port: 10250
# Is looked up at the start, and not asked: a name would hold the agent up on a node whose DNS is not there yet.
kube_url: https://127.0.0.1:443
{{- end }}
{{- end }}
{{- end -}}

{{/* Of an entry of the journal what it says and who says it, by the names that Container Insights has for them. */}}
{{- define "observability-stack.journalFilters" -}}
- name: record_modifier
  alias: journal
  match_regex: ^(dataplane|host)\.journal$
  allowlist_key:
    - MESSAGE
    - PRIORITY
    - SYSLOG_IDENTIFIER
    - _HOSTNAME
    - _SYSTEMD_UNIT
- name: modify
  alias: journal-names
  match_regex: ^(dataplane|host)\.journal$
  rename:
    - MESSAGE message
    - PRIORITY priority
    - SYSLOG_IDENTIFIER identifier
    - _HOSTNAME hostname
    - _SYSTEMD_UNIT systemd_unit
{{- end -}}

{{- define "observability-stack.logFilters" -}}
{{- $values := .Values.logs -}}
{{- $made := list -}}
{{- if $values.application.enabled -}}
{{- with $values.application.multiline -}}
{{- $made = append $made (dict
  "name" "multiline"
  "alias" "records"
  "match" "application.*"
  "multiline.key_content" "log"
  "multiline.parser" (join "," .)
  "mode" "parser"
  "buffer" true
  "flush_ms" 1000
  "emitter_name" "records"
  "emitter_storage.type" "filesystem"
) -}}
{{- end -}}
{{- end -}}
{{- range $pipeline := include "observability-stack.logPipelines" . | fromJsonArray -}}
{{- with (get $values $pipeline.name).rateLimit -}}
{{- $made = append $made (dict "name" "throttle" "alias" (printf "rate-%s" $pipeline.name) "match" $pipeline.match "rate" (int .) "window" 5 "interval" "1s") -}}
{{- end -}}
{{- end -}}
{{- if or $values.application.enabled (and $values.dataplane.enabled $values.dataplane.pods) -}}
{{- if $values.joinParts -}}
{{- /* What the runtime says about a line being whole; the parser has joined the parts. */}}
{{- $made = append $made (dict "name" "record_modifier" "alias" "parts" "match_regex" "^(application|dataplane)\\.pods\\." "remove_key" "_p") -}}
{{- end -}}
{{- $made = append $made (include "observability-stack.metadataFilter" . | fromYaml) -}}
{{- end -}}
{{- if include "observability-stack.readsJournal" . -}}
{{- $made = concat $made (include "observability-stack.journalFilters" . | fromYamlArray) -}}
{{- end -}}
{{- range include "observability-stack.logPipelines" . | fromJsonArray -}}
{{- $made = concat $made (include "observability-stack.logOrigin" (set . "root" $) | fromJsonArray) -}}
{{- end -}}
{{- concat $made $values.extraFilters | toJson -}}
{{- end -}}

{{- define "observability-stack.readsJournal" -}}
{{- $values := .Values.logs -}}
{{- if or (and $values.dataplane.enabled $values.dataplane.journal) (and $values.host.enabled $values.host.journal) }}true{{ end -}}
{{- end -}}

{{/* The pipelines that are on, as a JSON list: name, match and, where the group's name is made of a record, template. */}}
{{- define "observability-stack.logPipelines" -}}
{{- $made := list -}}
{{- range $name := list "application" "dataplane" "host" -}}
{{- $pipeline := get $.Values.logs $name -}}
{{- if $pipeline.enabled -}}
{{- $template := "" -}}
{{- if $pipeline.groupPerNamespace -}}
{{- $template = include "observability-stack.logGroup" (dict "root" $ "given" "" "last" "$kubernetes['namespace_name']") -}}
{{- end -}}
{{- $made = append $made (dict "name" $name "match" (printf "%s.*" $name) "template" $template) -}}
{{- end -}}
{{- end -}}
{{- $made | toJson -}}
{{- end -}}

{{- define "observability-stack.logOutputs" -}}
{{- $made := list -}}
{{- range include "observability-stack.logPipelines" . | fromJsonArray -}}
{{- $given := dict "root" $ "values" (get $.Values.logs .name) "stateDir" (include "observability-stack.logsStateDir" $) -}}
{{- $made = append $made (include "observability-stack.logOutput" (merge $given .) | fromJson) -}}
{{- end -}}
{{- $made | toJson -}}
{{- end -}}

{{/* The whole configuration, as YAML. */}}
{{- define "observability-stack.fluentBitConfig" -}}
{{- $pods := dict "name" "pods" "format" "regex" "regex" "\\.?pods\\.(?<namespace_name>[^_]+)_(?<pod_name>[^_]+)_(?<container_name>[^_]+)$" -}}
{{- $parsers := list $pods -}}
{{- if not .Values.logs.joinParts -}}
{{- $parsers = append $parsers (dict
  "name" "parts"
  "format" "regex"
  "regex" "^(?<time>[^ ]+) (?<stream>stdout|stderr) (?<_p>[FP]) (?<log>.*)$"
  "time_key" "time"
  "time_format" "%Y-%m-%dT%H:%M:%S.%L%z"
  "time_keep" true
) -}}
{{- end -}}
{{- $pipeline := dict
  "inputs" (include "observability-stack.logInputs" . | fromJsonArray)
  "outputs" (include "observability-stack.logOutputs" . | fromJsonArray)
-}}
{{- with include "observability-stack.logFilters" . | fromJsonArray }}{{ $_ := set $pipeline "filters" . }}{{ end -}}
{{- $service := include "observability-stack.logService" (dict "values" .Values.logs "stateDir" (include "observability-stack.logsStateDir" .)) | fromJson -}}
{{- dict "service" $service "parsers" $parsers "pipeline" $pipeline | toYaml -}}
{{- end -}}
