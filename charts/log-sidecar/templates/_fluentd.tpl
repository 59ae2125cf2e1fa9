{{/* Configuration of the engine `fluentd` in YAML (fluentd 1.15 and newer): data, rendered once. */}}

{{/*
One tail source. Rotated names are matched as well and told apart by inode, so what was written to a file just before its
rotation is read. fluentd takes a YAML list for a list of sections, so a list of texts is written as JSON.
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
Lines as they are. Without a buffer: the position is stored when they are out, and a blocked stdout stops the reading. Arguments
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

{{/* The bulk API. What does not fit into the buffer stays in the log files: reading waits. */}}
{{- define "log-sidecar.fluentdStore.elasticsearch" -}}
{{- $output := .output -}}
{{- $buffer := dict
  "$type" "file"
  "path" (printf "%s/%s" (include "log-sidecar.stateDir" .sidecar) $output.name)
  "chunk_limit_size" "2m"
  "overflow_action" "block"
  "flush_mode" "interval"
  "flush_interval" .root.Values.sidecar.fluentd.flushInterval
  "flush_at_shutdown" true
  "retry_max_interval" "30s"
-}}
{{- with $output.storage.totalLimitSize }}{{ $_ := set $buffer "total_limit_size" . }}{{ end -}}
{{- $forever := eq (toString $output.retryLimit) "no_limits" -}}
{{- $_ := set $buffer (ternary "retry_forever" "retry_max_times" $forever) (ternary true (toString $output.retryLimit | int) $forever) -}}
{{- $store := dict
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
-}}
{{- if $output.generateId }}{{ $_ := set $store "id_key" "_hash" }}{{ end -}}
{{- if .hashed }}{{ $_ := set $store "remove_keys" "_hash" }}{{ end -}}
{{- if $output.logstashFormat -}}
{{- $store = merge $store (dict "logstash_format" true "logstash_prefix" $output.logstashPrefix "logstash_dateformat" $output.logstashDateformat) -}}
{{- else -}}
{{- $_ := set $store "index_name" $output.index -}}
{{- end -}}
{{- with $output.path }}{{ $_ := set $store "path" . }}{{ end -}}
{{- with $output.httpUser -}}
{{- $user := kindIs "map" . | ternary (printf "${%sHTTP_USER}" $output.variable) . -}}
{{- $store = merge $store (dict "user" $user "password" (printf "${%sHTTP_PASSWD}" $output.variable)) -}}
{{- end -}}
{{- if or $output.tls.caSecret $output.tls.caConfigMap -}}
{{- $_ := set $store "ca_file" (printf "/etc/log-sidecar-ca/%s/ca.crt" $output.name) -}}
{{- else if $output.tls.caFile -}}
{{- $_ := set $store "ca_file" $output.tls.caFile -}}
{{- end -}}
{{- $store | toYaml -}}
{{- end -}}

{{/* Fields and IDs that records get: dict "root" $ "sidecar" <map> "outputs" <list> "hashed" <as above>; returns a YAML list. */}}
{{- define "log-sidecar.fluentdFilters" -}}
{{- $filters := list -}}
{{- if .root.Values.sidecar.fileLabel -}}
{{- $record := dict "log" "${tag}: ${record[\"log\"]}" -}}
{{- $filters = append $filters (dict "filter" (dict "$type" "record_transformer" "$tag" "**" "record" $record)) -}}
{{- end -}}
{{- if include "log-sidecar.hasBackend" . -}}
{{- $record := merge (dict "file" "${tag}") (include "log-sidecar.outputFields" . | fromJson) -}}
{{- $filters = append $filters (dict "filter" (dict "$type" "record_transformer" "$tag" "**" "record" $record)) -}}
{{- end -}}
{{- if .hashed -}}
{{- $id := dict "$type" "elasticsearch_genid" "$tag" "**" "hash_id_key" "_hash" -}}
{{- $filters = append $filters (dict "filter" $id) -}}
{{- end -}}
{{- $filters | toYaml -}}
{{- end -}}

{{/*
The whole configuration of one sidecar: dict "root" $ "sidecar" <map>. A value that is nothing but `${OUTPUT_...}` becomes
what fluentd calls an embedded string, which reads the environment.
*/}}
{{- define "log-sidecar.config.fluentd" -}}
{{- $settings := .root.Values.sidecar.fluentd -}}
{{- $outputs := include "log-sidecar.sidecarOutputs" . | fromJsonArray -}}
{{- $config := list -}}
{{- range .sidecar.files -}}
{{- $source := include "log-sidecar.fluentdSource" (dict "root" $.root "sidecar" $.sidecar "file" .) | fromYaml -}}
{{- $config = append $config (dict "source" $source) -}}
{{- end -}}
{{- $monitor := dict "$type" "monitor_agent" "$id" "monitor" "bind" $settings.httpServer.listen "port" (include "log-sidecar.httpPort" . | int) -}}
{{- $config = append $config (dict "source" $monitor) -}}
{{- $hashed := false -}}
{{- range $outputs }}{{ if dig "generateId" false . }}{{ $hashed = true }}{{ end }}{{ end -}}
{{- $stores := list -}}
{{- range $outputs -}}
{{- $store := include (printf "log-sidecar.fluentdStore.%s" .type) (dict "root" $.root "sidecar" $.sidecar "output" . "hashed" $hashed) | fromYaml -}}
{{- $stores = append $stores $store -}}
{{- end -}}
{{- $match := gt (len $stores) 1 | ternary (dict "$type" "copy" "store" $stores) (first $stores) | merge (dict "$tag" "**") -}}
{{- /* A label of their own: fluentd's messages about itself are not lines of the application. */ -}}
{{- $filters := include "log-sidecar.fluentdFilters" (dict "root" .root "sidecar" .sidecar "outputs" $outputs "hashed" $hashed) | fromYamlArray -}}
{{- $config = append $config (dict "label" (dict "$name" "@LINES" "config" (append $filters (dict "match" $match)))) -}}
{{- $system := dict "log_level" .root.Values.sidecar.logLevel "disable_shared_socket" true -}}
{{- $text := dict "system" $system "config" $config | toYaml -}}
{{- regexReplaceAll "(?m): \\$\\{(OUTPUT_[A-Z0-9_]+)\\}$" $text ": !fluent/s \"#{ENV['${1}']}\"" -}}
{{- end -}}

{{/* Settings that the fluentd engine does not support. */}}
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
