{{/*
fluentd configuration of the node agent, in YAML (fluentd 1.15 and newer). The sources are those of Fluent Bit; each pipeline is a
label with its filters and outputs.
*/}}

{{- define "observability-stack.fluentdStateDir" -}}
/var/lib/fluentd
{{- end -}}

{{/*
One source, as JSON: dict "root" $ "source" <of observability-stack.logSources>. fluentd reads a list of strings as a list
of sections, so such a list is written as JSON. containerd logs `<time> <stream> <P for a part, F for an end> <text>`; the
filter that joins parts removes the fields that it uses, so the stream is captured twice.
*/}}
{{- define "observability-stack.fluentdSource" -}}
{{- $logs := .root.Values.logs -}}
{{- $state := include "observability-stack.fluentdStateDir" .root -}}
{{- $source := .source -}}
{{- $common := dict "$id" $source.name "$label" (printf "@%s" (upper $source.pipeline)) "read_from_head" $logs.readFromHead -}}
{{- if eq $source.kind "journal" -}}
{{- $matches := list -}}
{{- range $source.matches }}{{ $parts := splitn "=" 2 . }}{{ $matches = append $matches (dict $parts._0 $parts._1) }}{{ end -}}
{{- merge $common (dict
  "$type" "systemd"
  "tag" (printf "%s.journal" $source.pipeline)
  "path" $logs.journalPath
  "matches" ($matches | toJson)
  "storage" (dict "$type" "local" "persistent" true "path" (printf "%s/%s.json" $state $source.name))
  "entry" (dict "field_map" (include "observability-stack.journalFields" .) "field_map_strict" true)
) | toJson -}}
{{- else -}}
{{- $exclude := list -}}
{{- range $source.exclude }}{{ $exclude = append $exclude (printf "%s*/*/*" .) }}{{ end -}}
{{- $parts := ternary "(?<of>(?<stream>stdout|stderr)) (?<flag>[^ ]+)" "(?<stream>stdout|stderr) (?<_p>[^ ]+)" $logs.joinParts -}}
{{- $line := dict
  "$type" "regexp"
  "expression" (printf "/^(?<time>[^ ]+) %s (?<log>.*)$/" $parts)
  "time_format" "%Y-%m-%dT%H:%M:%S.%N%:z"
-}}
{{- merge $common (dict
  "$type" "tail"
  "tag" (printf "%s.*" $source.pipeline)
  "path" (join "," $source.paths)
  "exclude_path" ($exclude | toJson)
  "path_key" "path"
  "pos_file" (printf "%s/%s.pos" $state $source.name)
  "pos_file_compaction_interval" "1h"
  "follow_inodes" true
  "refresh_interval" (int $logs.refreshInterval)
  "max_line_size" $logs.bufferMaxSize
  "parse" (ternary $line (dict "$type" "none" "message_key" "log") (eq $source.kind "pods"))
) | toJson -}}
{{- end -}}
{{- end -}}

{{/*
Outputs of fluentd, as a JSON list. Each has `variables`, the prefix of its environment variables. The first output of a type
has the prefix that the image's own configuration uses.
*/}}
{{- define "observability-stack.fluentdOutputs" -}}
{{- $outputs := list -}}
{{- $types := list -}}
{{- range include "observability-stack.receivers" (dict "root" . "component" "logs") | fromJsonArray -}}
{{- $outputs = append $outputs (set . "variables" (has .type $types | ternary .variable (printf "FLUENT_%s_" (upper .type)))) -}}
{{- $types = append $types .type -}}
{{- end -}}
{{- $outputs | toJson -}}
{{- end -}}

{{/*
The bulk API, as JSON: dict "root" $ "pipeline" <name> "output" <map> "hashed" <whether records have a hash>. A full buffer
blocks the input, and unread lines stay in the log files.
*/}}
{{- define "observability-stack.fluentdStore" -}}
{{- $output := .output -}}
{{- $logs := .root.Values.logs -}}
{{- $names := include "observability-stack.outputNames" .root | fromJson | merge (dict "pipeline" .pipeline) -}}
{{- range $option := list "index" "logstashPrefix" -}}
{{- range $word, $text := $names }}{{ $_ := set $output $option (replace (printf "{%s}" $word) $text (get $output $option)) }}{{ end -}}
{{- end -}}
{{- $forever := kindIs "string" $output.retryLimit -}}
{{- $buffer := dict
  "$type" "file"
  "path" (printf "%s/buffer-%s-%s" (include "observability-stack.fluentdStateDir" .root) .pipeline $output.name)
  "total_limit_size" ($output.storage.totalLimitSize | default (get $logs .pipeline).storage.totalLimitSize)
  "chunk_limit_size" "2m"
  "overflow_action" "block"
  "flush_mode" "interval"
  "flush_interval" $logs.flush
  "flush_at_shutdown" true
  "retry_max_interval" "30s"
  (ternary "retry_forever" "retry_max_times" $forever) (ternary true $output.retryLimit $forever)
-}}
{{- $elastic := eq $output.type "elasticsearch" -}}
{{- $variable := printf "${%s%%s}" $output.variables -}}
{{- $store := dict
  "$type" $output.type
  "$id" (printf "%s-%s" $output.name .pipeline)
  "host" (printf $variable "HOST")
  "port" (printf $variable "PORT")
  "scheme" (printf $variable "SCHEME")
  "ssl_verify" $output.tls.verify
  "suppress_type_name" true
  "write_operation" "create"
  "include_timestamp" true
  "reload_connections" false
  "reconnect_on_error" true
  "request_timeout" "60s"
  "compression_level" (ternary "best_speed" "no_compression" (eq $output.compress "gzip"))
  (printf "verify_%s_version_at_startup" (ternary "es" "os" $elastic)) false
  (printf "log_%s_400_reason" (ternary "es" "os" $elastic)) true
  "buffer" $buffer
-}}
{{- $trusted := include "observability-stack.caBundle" .root | fromJsonArray | empty | ternary "" (printf "%s/ca.crt" (include "observability-stack.caBundleDirectory" .)) -}}
{{- $optional := dict
  "default_elasticsearch_version" (ternary 8 0 $elastic)
  "remove_keys" (ternary "_hash" "" (ne .hashed ""))
  "id_key" (ternary "_hash" "" $output.generateId)
  "logstash_format" $output.logstashFormat
  "logstash_prefix" (ternary $output.logstashPrefix "" $output.logstashFormat)
  "logstash_dateformat" (ternary $output.logstashDateformat "" $output.logstashFormat)
  "index_name" (ternary "" $output.index $output.logstashFormat)
  "path" $output.path
  "user" (ternary "" (printf $variable "USER") (empty $output.httpUser))
  "password" (ternary "" (printf $variable "PASSWORD") (empty $output.httpUser))
  "ca_file" (or $output.tls.caSecret $output.tls.caConfigMap | empty | ternary ($output.tls.caFile | default $trusted) (printf "%s/%s/ca.crt" (include "observability-stack.caDirectory" .root) $output.name))
-}}
{{- include "observability-stack.nonEmpty" $optional | fromJson | merge $store | toJson -}}
{{- end -}}

{{/*
Labels of a pipeline, and of its outputs that select namespaces, as a JSON list: dict "root" $ "pipeline" <name>. Filters join
parts of a line, and take the names of a pod from the path of its file, so the API server gets no requests.
*/}}
{{- define "observability-stack.fluentdLabels" -}}
{{- $outputs := list -}}
{{- $hash := "" -}}
{{- range include "observability-stack.fluentdOutputs" .root | fromJsonArray -}}
{{- if include "observability-stack.outputReceives" (dict "output" . "by" "pipelines" "source" $.pipeline "namespaced" (list "application")) -}}
{{- $outputs = append $outputs . -}}
{{- if .generateId }}{{ $hash = $hash | default (printf "%s_genid" .type) }}{{ end -}}
{{- end -}}
{{- end -}}
{{- $filters := list -}}
{{- if ne .pipeline "host" -}}
{{- $pods := printf "%s.var.log.pods.**" .pipeline -}}
{{- if .root.Values.logs.joinParts -}}
{{- $filters = append $filters (dict "$type" "concat" "$tag" $pods "key" "log" "separator" "" "use_partial_cri_logtag" true "partial_cri_logtag_key" "flag" "partial_cri_stream_key" "of" "stream_identity_key" "of") -}}
{{- end -}}
{{- $names := `${a = record["path"].split("/"); b = a[4].split("_"); Hash["namespace_name", b[0], "pod_name", b[1], "container_name", a[5]]}` -}}
{{- $filters = append $filters (dict "$type" "record_transformer" "$tag" $pods "enable_ruby" true "auto_typecast" true "record" (dict "kubernetes" $names) "remove_keys" "path") -}}
{{- end -}}
{{- $origin := dict "cluster" .root.Values.cluster.name "pipeline" .pipeline "node" "${HOST_NAME}" -}}
{{- $filters = append $filters (dict "$type" "record_transformer" "$tag" "**" "record" $origin) -}}
{{- /* With an ID, a record in a retried chunk is stored once. */ -}}
{{- with $hash }}{{ $filters = append $filters (dict "$type" . "$tag" "**" "hash_id_key" "_hash") }}{{ end -}}
{{- $config := list -}}
{{- range $filters }}{{ $config = append $config (dict "filter" .) }}{{ end -}}
{{- $stores := list -}}
{{- $labels := list -}}
{{- range $output := $outputs -}}
{{- $store := include "observability-stack.fluentdStore" (dict "root" $.root "pipeline" $.pipeline "output" $output "hashed" $hash) | fromJson -}}
{{- $selected := list -}}
{{- range $kind, $option := ternary (dict "include" "regexp" "exclude" "exclude") dict (eq $.pipeline "application") -}}
{{- with dig "match" "namespaces" $kind list $output -}}
{{- $pattern := printf "/^(?:%s)$/" (join "|" . | replace "*" ".*") -}}
{{- $selected = append $selected (dict "filter" (dict "$type" "grep" "$tag" "**" $option (dict "key" "$.kubernetes.namespace_name" "pattern" $pattern))) -}}
{{- end -}}
{{- end -}}
{{- if $selected -}}
{{- $label := printf "@%s" (get $store "$id" | upper) -}}
{{- $labels = append $labels (dict "$name" $label "config" (append $selected (dict "match" (merge (dict "$tag" "**") $store)))) -}}
{{- $store = dict "$type" "relabel" "$label" $label -}}
{{- end -}}
{{- $stores = append $stores $store -}}
{{- end -}}
{{- $match := gt (len $stores) 1 | ternary (dict "$type" "copy" "store" $stores) (first $stores) | merge (dict "$tag" "**") -}}
{{- prepend $labels (dict "$name" (printf "@%s" (upper .pipeline)) "config" (append $config (dict "match" $match))) | toJson -}}
{{- end -}}

{{/* The complete configuration, as YAML. A value `${NAME}` becomes embedded Ruby that reads the environment variable. */}}
{{- define "observability-stack.fluentdConfig" -}}
{{- $logs := .Values.logs -}}
{{- $config := list -}}
{{- range include "observability-stack.logSources" . | fromJsonArray -}}
{{- $config = append $config (dict "source" (include "observability-stack.fluentdSource" (dict "root" $ "source" .) | fromJson)) -}}
{{- end -}}
{{- $config = append $config (dict "source" (dict "$type" "prometheus" "$id" "metrics" "bind" $logs.httpServer.listen "port" (int $logs.httpServer.port))) -}}
{{- $config = append $config (dict "source" (dict "$type" "prometheus_output_monitor" "$id" "metrics-outputs")) -}}
{{- range include "observability-stack.pipelines" (dict "root" . "component" "logs") | fromJsonArray -}}
{{- range include "observability-stack.fluentdLabels" (dict "root" $ "pipeline" .) | fromJsonArray }}{{ $config = append $config (dict "label" .) }}{{ end -}}
{{- end -}}
{{- $text := dict "system" (dict "log_level" $logs.logLevel "disable_shared_socket" true) "config" $config | toYaml -}}
{{- regexReplaceAll "(?m): \\$\\{([A-Z0-9_]+)\\}$" $text ": !fluent/s \"#{ENV['${1}']}\"" -}}
{{- end -}}

{{/* Environment of fluentd: host, port, scheme and credentials of each output. */}}
{{- define "observability-stack.fluentdEnv" -}}
- {name: HOST_NAME, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}
- {name: POD_IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}
{{- range $output := include "observability-stack.fluentdOutputs" . | fromJsonArray }}
{{- $texts := dict "HOST" .host "PORT" (.port | int) "SCHEME" (ternary "https" "http" .tls.enabled) }}
{{- /* The image's start script would edit the configuration, which is read-only. */}}
{{- if hasPrefix "FLUENT_" .variables }}{{ $_ := set $texts "SED_DISABLE" true }}{{ end }}
{{- $secrets := ternary dict (dict "PASSWORD" .httpPasswd) (empty .httpUser) }}
{{- with .httpUser }}{{ $_ := set (ternary $secrets $texts (kindIs "map" .)) "USER" . }}{{ end }}
{{- range $suffix, $text := $texts }}
- {name: {{ $output.variables }}{{ $suffix }}, value: {{ $text | toString | quote }}}
{{- end }}
{{- range $suffix, $key := $secrets }}
- {name: {{ $output.variables }}{{ $suffix }}, valueFrom: {secretKeyRef: {{ pick $key "name" "key" | toJson }}}}
{{- end }}
{{- end }}
{{- if .Values.logs.fluentd.configMap.create }}
- {name: FLUENTD_OPT, value: --config-file-type yaml}
{{- end }}
{{- end -}}
