{{/* Configuration of the engine `fluentd` in YAML (fluentd 1.15 and newer): data, rendered once. */}}

{{/*
One tail source. It also matches rotated names and distinguishes files by inode, so that lines written just before a rotation are
read. fluentd reads a YAML list as a list of sections, so a list of strings is written as JSON.
Arguments: dict "root" $ "sidecar" <map> "file" <map>; returns YAML.
*/}}
{{- define "log-sidecar.fluentdSource" -}}
{{- $settings := .root.Values.sidecar.fluentd -}}
{{- dict
  "$type" "tail"
  "$id" .file.name
  "$label" "@LINES"
  "tag" .file.name
  "path" (include "log-sidecar.patterns" .file | fromJsonArray | join ",")
  "exclude_path" (include "log-sidecar.excluded" . | splitList "," | toJson)
  "pos_file" (printf "%s/%s.pos" (include "log-sidecar.stateDir" .sidecar) .file.name)
  "read_from_head" true
  "follow_inodes" true
  "refresh_interval" $settings.refreshInterval
  "rotate_wait" 5
  "parse" (dict "$type" "none" "message_key" "log")
| toYaml -}}
{{- end -}}

{{/*
Unchanged lines, without a buffer: the position is stored after they are written, and a blocked stdout stops reading. Arguments
here and below: dict "root" $ "sidecar" <map> "output" <of log-sidecar.outputs> "hashed" <whether records have the field
_hash, from which Elasticsearch's IDs are taken>; returns YAML, without the tag.
*/}}
{{- define "log-sidecar.fluentdStore.stdout" -}}
$type: stdout
$id: {{ .output.name }}
format:
  $type: single_value
  message_key: log
{{- end -}}

{{/* Elasticsearch's bulk API. A full buffer stops reading: the lines stay in the log files. */}}
{{- define "log-sidecar.fluentdStore.elasticsearch" -}}
{{- $output := .output -}}
{{- $forever := eq (toString $output.retryLimit) "no_limits" -}}
{{- $buffer := dict
  "$type" "file"
  "path" (printf "%s/%s" (include "log-sidecar.stateDir" .sidecar) $output.name)
  "chunk_limit_size" "2m"
  "overflow_action" "block"
  "flush_mode" "interval"
  "flush_interval" .root.Values.sidecar.fluentd.flushInterval
  "flush_at_shutdown" true
  "retry_max_interval" "30s"
  (ternary "retry_forever" "retry_max_times" $forever) (ternary true (toString $output.retryLimit | int) $forever)
-}}
{{- with $output.storage.totalLimitSize }}{{ $_ := set $buffer "total_limit_size" . }}{{ end -}}
{{- $mounted := or $output.tls.caSecret $output.tls.caConfigMap -}}
{{- $optional := dict
  "id_key" (ternary "_hash" "" $output.generateId)
  "remove_keys" (ternary "_hash" "" .hashed)
  "path" $output.path
  "ca_file" ($mounted | empty | ternary ($output.tls.caFile | default (include "log-sidecar.caBundleFile" .root)) (printf "/etc/log-sidecar-ca/%s/ca.crt" $output.name))
-}}
{{- with $output.httpUser -}}
{{- $_ := set $optional "user" (kindIs "map" . | ternary (printf "${%sHTTP_USER}" $output.variable) .) -}}
{{- $_ := set $optional "password" (printf "${%sHTTP_PASSWD}" $output.variable) -}}
{{- end -}}
{{- $index := dict "index_name" $output.index -}}
{{- if $output.logstashFormat -}}
{{- $index = dict "logstash_format" true "logstash_prefix" $output.logstashPrefix "logstash_dateformat" $output.logstashDateformat -}}
{{- end -}}
{{- merge (dict
  "$type" "elasticsearch"
  "$id" $output.name
  "host" $output.host
  "port" (int $output.port)
  "scheme" (ternary "https" "http" $output.tls.enabled)
  "ssl_verify" $output.tls.verify
  "suppress_type_name" true
  "write_operation" "create"
  "include_timestamp" true
  "reload_connections" false
  "reconnect_on_error" true
  "request_timeout" "60s"
  "verify_es_version_at_startup" false
  "default_elasticsearch_version" 8
  "log_es_400_reason" true
  "compression_level" (ternary "best_speed" "no_compression" (eq $output.compress "gzip"))
  "buffer" $buffer
) $index (include "log-sidecar.nonEmpty" $optional | fromJson) | toYaml -}}
{{- end -}}

{{/* Fields and IDs that records get: dict "root" $ "sidecar" <map> "outputs" <list> "hashed" <as above>; returns a YAML list. */}}
{{- define "log-sidecar.fluentdFilters" -}}
{{- $filters := list -}}
{{- if .root.Values.sidecar.fileLabel -}}
{{- $filters = append $filters (dict "$type" "record_transformer" "record" (dict "log" "${tag}: ${record[\"log\"]}")) -}}
{{- end -}}
{{- if include "log-sidecar.hasBackend" . -}}
{{- $record := merge (dict "file" "${tag}") (include "log-sidecar.outputFields" . | fromJson) -}}
{{- $filters = append $filters (dict "$type" "record_transformer" "record" $record) -}}
{{- end -}}
{{- if .hashed }}{{ $filters = append $filters (dict "$type" "elasticsearch_genid" "hash_id_key" "_hash") }}{{ end -}}
{{- $sections := list -}}
{{- range $filters }}{{ $sections = append $sections (dict "filter" (merge (dict "$tag" "**") .)) }}{{ end -}}
{{- $sections | toYaml -}}
{{- end -}}

{{/*
The whole configuration of one sidecar: dict "root" $ "sidecar" <map>. A value `${OUTPUT_...}` becomes an embedded Ruby
string of fluentd, which reads the environment.
*/}}
{{- define "log-sidecar.config.fluentd" -}}
{{- $sidecar := .root.Values.sidecar -}}
{{- $outputs := include "log-sidecar.sidecarOutputs" . | fromJsonArray -}}
{{- $hashed := false -}}
{{- range $outputs }}{{ if dig "generateId" false . }}{{ $hashed = true }}{{ end }}{{ end -}}
{{- $scope := merge (dict "outputs" $outputs "hashed" $hashed) . -}}
{{- $config := list -}}
{{- range .sidecar.files }}{{ $config = append $config (dict "source" (include "log-sidecar.fluentdSource" (merge (dict "file" .) $scope) | fromYaml)) }}{{ end -}}
{{- $monitor := dict "$type" "monitor_agent" "$id" "monitor" "bind" $sidecar.fluentd.httpServer.listen "port" (include "log-sidecar.httpPort" . | int) -}}
{{- $stores := list -}}
{{- range $outputs }}{{ $stores = append $stores (include (printf "log-sidecar.fluentdStore.%s" .type) (merge (dict "output" .) $scope) | fromYaml) }}{{ end -}}
{{- $match := gt (len $stores) 1 | ternary (dict "$type" "copy" "store" $stores) (first $stores) | merge (dict "$tag" "**") -}}
{{- /* The label keeps fluentd's own messages out of the application's lines. */ -}}
{{- $lines := dict "$name" "@LINES" "config" (append (include "log-sidecar.fluentdFilters" $scope | fromYamlArray) (dict "match" $match)) -}}
{{- $text := dict
  "system" (dict "log_level" $sidecar.logLevel "disable_shared_socket" true)
  "config" (concat $config (list (dict "source" $monitor) (dict "label" $lines)))
| toYaml -}}
{{- regexReplaceAll "(?m): \\$\\{(OUTPUT_[A-Z0-9_]+|POD_IP)\\}$" $text ": !fluent/s \"#{ENV['${1}']}\"" -}}
{{- end -}}

{{- define "log-sidecar.checkFluentd" -}}
{{- $sidecar := .Values.sidecar -}}
{{- if and $sidecar.enabled (eq $sidecar.engine "fluentd") }}
{{- range include "log-sidecar.activeOutputs" . | fromJsonArray }}
{{- $path := printf "outputs.%s" .name }}
{{- $elastic := eq .type "elasticsearch" }}
{{- $name := ternary "logstashPrefix" "index" (dig "logstashFormat" false .) }}
{{- range $problem, $found := dict
  (printf "`%s.type` is %s, but the fluentd engine supports only stdout and elasticsearch." $path .type) (not (has .type (list "stdout" "elasticsearch")))
  (printf "`%s.match` is set, but the fluentd engine sends every file to every output." $path) (dig "match" "files" list .)
  (printf "`%s.%s` is %q, but the fluentd engine does not replace placeholders. Use one name for all pods, or change the engine." $path $name (get . $name)) (and $elastic (contains "{" (get . $name)))
  (printf "`%s.tls.vhost` is set, but the fluentd engine does not support it." $path) (and $elastic .tls.vhost)
}}
{{- include "log-sidecar.reject" (list $found $problem "sidecar.engine" "fluent-bit") }}
{{- end }}
{{- end }}
{{- include "log-sidecar.rejectDrain" (dict "seconds" $sidecar.fluentd.drainSeconds "path" "sidecar.fluentd" "engine" "fluentd" "interval" $sidecar.fluentd.refreshInterval) }}
{{- end }}
{{- end -}}
