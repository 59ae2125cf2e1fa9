{{/*
Fluent Bit's configuration as data, rendered as YAML or, for the profile `aws-legacy`, in the classic format. Tags start with the
name of their pipeline: application.*, dataplane.*, host.*.
*/}}

{{/* Prefix of the file name in tags, which contain the path with dots as separators. */}}
{{- define "fluent-bit-windows.tagPrefix" -}}
application.C.var.log.containers.
{{- end -}}

{{/* Paths of the container logs of namespaces, <pod>_<namespace>_<container>-<id>.log: dict "namespaces" <list>. */}}
{{- define "fluent-bit-windows.namespacePaths" -}}
{{- $paths := list -}}
{{- range .namespaces -}}
{{- $paths = append $paths (printf "C:\\var\\log\\containers\\*_%s_*.log" .) -}}
{{- end -}}
{{- join "," $paths -}}
{{- end -}}

{{/* `logs.readFromHead`, or the variable that overrides it: a JSON map with "value". */}}
{{- define "fluent-bit-windows.readFromHead" -}}
{{- dict "value" (include "fluent-bit-windows.given" (dict "root" . "setting" "readFromHead") | default .Values.logs.readFromHead) | toJson -}}
{{- end -}}

{{/* Options of every input, as JSON: dict "root" $ "name" <alias>. */}}
{{- define "fluent-bit-windows.input" -}}
{{- $options := dict "alias" .name "db" (printf "%s\\%s.db" (include "fluent-bit-windows.stateDir" .root) .name) -}}
{{- if eq .root.Values.storage.type "filesystem" -}}
{{- $options = merge $options (dict "storage.type" "filesystem" "storage.pause_on_chunks_overlimit" true) -}}
{{- else -}}
{{- $_ := set $options "mem_buf_limit" .root.Values.logs.memBufLimit -}}
{{- end -}}
{{- $options | toJson -}}
{{- end -}}

{{/* An input that reads files, as JSON: dict "root" $ "name" <alias> "own" <options of this input>. */}}
{{- define "fluent-bit-windows.tail" -}}
{{- $logs := .root.Values.logs -}}
{{- $options := dict
  "name" "tail"
  "db.locking" true
  "read_from_head" (include "fluent-bit-windows.readFromHead" .root | fromJson).value
  "refresh_interval" $logs.refreshInterval
  "rotate_wait" $logs.rotateWait
  "buffer_max_size" $logs.bufferMaxSize
  "skip_long_lines" true
-}}
{{- merge .own $options (include "fluent-bit-windows.input" . | fromJson) | toJson -}}
{{- end -}}

{{/*
Channels of an input, as JSON: dict "root" $ "channels" <list>. Fluent Bit 5.1.1 crashes if it can open none of them, so System,
which every node has, is one of them. A filter drops its events unless a user listed it.
*/}}
{{- define "fluent-bit-windows.openChannels" -}}
{{- $sure := or (include "fluent-bit-windows.isLegacy" .root) (has "system" (splitList "," (join "," .channels | lower))) -}}
{{- empty $sure | ternary (append .channels "System") .channels | toJson -}}
{{- end -}}

{{/* An input that reads the event log, as JSON: dict "root" $ "name" <alias> "tag" <tag> "channels" <list> "query" <text>. */}}
{{- define "fluent-bit-windows.events" -}}
{{- $options := dict
  "name" "winevtlog"
  "tag" .tag
  "channels" (join "," (include "fluent-bit-windows.openChannels" . | fromJsonArray))
  "interval_sec" .root.Values.logs.host.intervalSec
  "read_existing_events" (include "fluent-bit-windows.readFromHead" .root | fromJson).value
-}}
{{- if not (include "fluent-bit-windows.isLegacy" .root) -}}
{{- /* Without ignore_missing_channels, the agent would not start on a node that lacks a channel. */ -}}
{{- $options = merge $options (dict "event_query" .query "ignore_missing_channels" true) -}}
{{- end -}}
{{- merge $options (include "fluent-bit-windows.input" . | fromJson) | toJson -}}
{{- end -}}

{{/* What these inputs read, as a JSON list. */}}
{{- define "fluent-bit-windows.eventSources" -}}
{{- $logs := .Values.logs -}}
{{- $sources := list -}}
{{- if and $logs.dataplane.enabled $logs.dataplane.channels -}}
{{- $sources = append $sources (dict "name" "dataplane-events" "tag" "dataplane.events" "channels" $logs.dataplane.channels "query" "*") -}}
{{- end -}}
{{- if $logs.host.enabled -}}
{{- $sources = append $sources (dict "name" "host" "tag" "host.events" "channels" $logs.host.channels "query" $logs.host.eventQuery) -}}
{{- end -}}
{{- $sources | toJson -}}
{{- end -}}

{{- define "fluent-bit-windows.inputs" -}}
{{- $logs := .Values.logs -}}
{{- $inputs := list -}}
{{- if $logs.application.enabled -}}
{{- $namespaces := $logs.application.namespaces -}}
{{- $paths := include "fluent-bit-windows.namespacePaths" (dict "namespaces" ($namespaces.include | default (list "*"))) | replace "*_*_*" "*" -}}
{{- $own := dict "tag" "application.*" "path" $paths "multiline.parser" "docker, cri" -}}
{{- with $namespaces.exclude }}{{ $_ := set $own "exclude_path" (include "fluent-bit-windows.namespacePaths" (dict "namespaces" .)) }}{{ end -}}
{{- if not (include "fluent-bit-windows.isLegacy" .) -}}
{{- with include "fluent-bit-windows.containerMultilineProcessors" $logs | fromJsonArray }}{{ $_ := set $own "processors" (dict "logs" .) }}{{ end -}}
{{- end -}}
{{- $inputs = append $inputs (include "fluent-bit-windows.tail" (dict "root" . "name" "application" "own" $own) | fromJson) -}}
{{- end -}}
{{- if and $logs.dataplane.enabled $logs.dataplane.directories -}}
{{- $paths := list -}}
{{- range $logs.dataplane.directories }}{{ $paths = append $paths (printf "%s\\*.log" .) }}{{ end -}}
{{- /* Some services rotate to names that these paths match. After rotate_wait, Fluent Bit deletes a file's position, and would read it again. */ -}}
{{- $own := dict "tag" "dataplane.files.*" "path" (join "," $paths) "path_key" "file" "rotate_wait" 315360000 -}}
{{- $inputs = append $inputs (include "fluent-bit-windows.tail" (dict "root" . "name" "dataplane" "own" $own) | fromJson) -}}
{{- end -}}
{{- range include "fluent-bit-windows.eventSources" . | fromJsonArray -}}
{{- $inputs = append $inputs (include "fluent-bit-windows.events" (merge (dict "root" $) .) | fromJson) -}}
{{- end -}}
{{- $inputs = include "fluent-bit-windows.withProcessors" (dict "inputs" $inputs "processors" .Values.logs.extraProcessors) | fromJsonArray -}}
{{- concat $inputs (include "fluent-bit-windows.redactionInputs" (dict "root" . "tenants" true) | fromJsonArray) | toJson -}}
{{- end -}}

{{- define "fluent-bit-windows.kubernetesFilter" -}}
{{- $filter := dict
  "name" "kubernetes"
  "alias" "metadata"
  "match" "application.*"
  "kube_tag_prefix" (include "fluent-bit-windows.tagPrefix" .)
  "merge_log" .Values.logs.application.parseJson
  "keep_log" true
  "labels" true
  "annotations" false
-}}
{{- if eq .Values.logs.metadata.from "tag" -}}
{{- $filter = mergeOverwrite $filter (dict "use_tag_for_meta" true "labels" false) -}}
{{- else -}}
{{- $secrets := printf "%s\\var\\run\\secrets\\kubernetes.io\\serviceaccount" (include "fluent-bit-windows.drive" .) -}}
{{- /* A host process cannot resolve the cluster's Service names: a name would delay its start by three minutes. */ -}}
{{- $host := ternary "${KUBERNETES_SERVICE_HOST}" "kubernetes.default.svc.cluster.local" (eq .Values.mode "hostProcess") -}}
{{- /* With a buffer limit, Fluent Bit would drop the metadata of large pods; 0 means no limit. */ -}}
{{- $filter = merge $filter (dict
  "kube_url" (printf "https://%s:443" $host)
  "kube_ca_file" (printf "%s\\ca.crt" $secrets)
  "kube_token_file" (printf "%s\\token" $secrets)
  "buffer_size" 0
) -}}
{{- if eq .Values.logs.metadata.from "kubelet" -}}
{{- $filter = merge $filter (dict "use_kubelet" true "kubelet_host" "127.0.0.1" "kubelet_port" 10250) -}}
{{- end -}}
{{- end -}}
{{- $filter | toJson -}}
{{- end -}}

{{- define "fluent-bit-windows.filters" -}}
{{- $filters := list -}}
{{- range include "fluent-bit-windows.eventSources" . | fromJsonArray -}}
{{- if ne (len .channels) (include "fluent-bit-windows.openChannels" (merge (dict "root" $) .) | fromJsonArray | len) -}}
{{- $filters = append $filters (dict "name" "grep" "alias" (printf "%s-channels" .name) "match" .tag "exclude" "Channel ^System$") -}}
{{- end -}}
{{- end -}}
{{- /* The input gives events the time at which it reads them, for example after the agent was down. */ -}}
{{- if and (include "fluent-bit-windows.eventSources" . | fromJsonArray) (not (include "fluent-bit-windows.isLegacy" .)) -}}
{{- $filters = append $filters (dict
  "name" "parser"
  "alias" "event-time"
  "match_regex" "^(dataplane|host)\\.events$"
  "key_name" "TimeCreated"
  "parser" "event-time"
  "preserve_key" true
  "reserve_data" true
) -}}
{{- end -}}
{{- if .Values.logs.application.enabled -}}
{{- $multiline := .Values.logs.application.multiline -}}
{{- if and $multiline (include "fluent-bit-windows.isLegacy" .) -}}
{{- $filters = append $filters (dict
  "name" "multiline"
  "alias" "records"
  "match" "application.*"
  "multiline.key_content" "log"
  "multiline.parser" (join "," $multiline)
  "mode" "parser"
  "buffer" true
  "flush_ms" 1000
  "emitter_name" "records"
) -}}
{{- end -}}
{{- /* containerd's mark of partial lines, which the parser joins. */ -}}
{{- $filters = append $filters (dict "name" "record_modifier" "alias" "parts" "match" "application.*" "remove_key" "_p") -}}
{{- $filters = append $filters (include "fluent-bit-windows.kubernetesFilter" . | fromJson) -}}
{{- end -}}
{{- $fields := include "fluent-bit-windows.fieldFilters" (dict "root" . "match" (dict "match" "application.*")) | fromJsonArray -}}
{{- concat $filters (include "fluent-bit-windows.redactionFilters" (dict "root" . "prefix" (include "fluent-bit-windows.tagPrefix" . | replace "." "\\." | printf "%s[^_]+_") "filters" (concat .Values.logs.extraFilters $fields)) | fromJsonArray) | toJson -}}
{{- end -}}

{{- define "fluent-bit-windows.service" -}}
{{- $http := .Values.httpServer -}}
{{- $service := dict
  "flush" .Values.flush
  "grace" 5
  "log_level" .Values.logLevel
  "dns.resolver" .Values.dns.resolver
  "http_server" (include "fluent-bit-windows.given" (dict "root" . "setting" "httpServer") | default true)
  "http_listen" $http.listen
  "http_port" (include "fluent-bit-windows.given" (dict "root" . "setting" "httpPort") | default (int $http.port))
  "health_check" true
  "hc_errors_count" $http.hcErrorsCount
  "hc_retry_failure_count" $http.hcRetryFailureCount
  "hc_period" $http.hcPeriod
-}}
{{- if eq .Values.storage.type "filesystem" -}}
{{- $service = merge $service (dict
  "storage.path" (printf "%s\\chunks" (include "fluent-bit-windows.stateDir" .))
  "storage.max_chunks_up" .Values.storage.maxChunksUp
  "storage.metrics" true
) -}}
{{- end -}}
{{- $service | toJson -}}
{{- end -}}

{{/* The whole configuration, as JSON. */}}
{{- define "fluent-bit-windows.config" -}}
{{- $pipeline := dict
  "inputs" (include "fluent-bit-windows.inputs" . | fromJsonArray)
  "outputs" (include "fluent-bit-windows.fluentBitOutputs" . | fromJsonArray)
-}}
{{- with include "fluent-bit-windows.filters" . | fromJsonArray }}{{ $_ := set $pipeline "filters" . }}{{ end -}}
{{- $config := dict "service" (include "fluent-bit-windows.service" . | fromJson) "pipeline" $pipeline -}}
{{- $parsers := .Values.logs.extraParsers -}}
{{- if include "fluent-bit-windows.eventSources" . | fromJsonArray -}}
{{- $parsers = prepend $parsers (dict "name" "event-time" "format" "regex" "regex" "^(?<time>.+)$" "time_format" "%Y-%m-%d %H:%M:%S %z") -}}
{{- end -}}
{{- with $parsers }}{{ $_ := set $config "parsers" . }}{{ end -}}
{{- with include "fluent-bit-windows.containerMultilineParsers" .Values.logs | fromJsonArray }}{{ $_ := set $config "multiline_parsers" . }}{{ end -}}
{{- $config | toJson -}}
{{- end -}}

{{- define "fluent-bit-windows.classic" -}}
{{- $config := include "fluent-bit-windows.config" . | fromJson -}}
{{- include "fluent-bit-windows.classicSections" (dict "kind" "SERVICE" "sections" (list $config.service)) }}
{{- range $kind := list "inputs" "filters" "outputs" }}
{{- include "fluent-bit-windows.classicSections" (dict "kind" ($kind | trimSuffix "s" | upper) "sections" (get $config.pipeline $kind)) }}
{{- end }}
{{- end -}}

{{- define "fluent-bit-windows.configData" -}}
{{- if include "fluent-bit-windows.isLegacy" . -}}
fluent-bit.conf: |
  {{- include "fluent-bit-windows.classic" . | trim | nindent 2 }}
{{- else -}}
fluent-bit.yaml: |
  {{- include "fluent-bit-windows.config" . | fromJson | toYaml | nindent 2 }}
{{- end }}
{{- with include "fluent-bit-windows.caCertificates" . }}
amazon-root-certificates.pem: |
  {{- . | nindent 2 }}
{{- end }}
{{- end -}}
