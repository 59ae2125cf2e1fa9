{{/* The engine `fluentd`: its configuration in YAML (fluentd 1.15 and newer), data rendered once. */}}

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
  "refresh_interval" $settings.refreshSeconds
  "rotate_wait" 5
  "parse" (dict "$type" "none" "message_key" "log")
| toYaml -}}
{{- end -}}

{{/* Lines as they are. Without a buffer: the position is stored when they are out, and a blocked stdout stops the reading. */}}
{{- define "log-sidecar.fluentdOutput.stdout" -}}
$type: stdout
$tag: "**"
$id: stdout
format:
  $type: single_value
  message_key: log
{{- end -}}

{{/* The bulk API. What does not fit into the buffer stays in the log files: reading waits. */}}
{{- define "log-sidecar.fluentdOutput.elasticsearch" -}}
{{- $output := .root.Values.output -}}
{{- $block := $output.elasticsearch -}}
{{- $buffer := dict
  "$type" "file"
  "path" (printf "%s/elasticsearch" (include "log-sidecar.stateDir" .sidecar))
  "total_limit_size" $output.buffer.maxSize
  "chunk_limit_size" "2m"
  "overflow_action" "block"
  "flush_mode" "interval"
  "flush_interval" $output.flushSeconds
  "flush_at_shutdown" true
  "retry_max_interval" "30s"
-}}
{{- if eq (toString $output.retries) "no_limits" -}}
{{- $_ := set $buffer "retry_forever" true -}}
{{- else -}}
{{- $_ := set $buffer "retry_max_times" (int $output.retries) -}}
{{- end -}}
{{- $match := dict
  "$type" "elasticsearch"
  "$tag" "**"
  "$id" "elasticsearch"
  "host" $block.host
  "port" (int $block.port)
  "scheme" (ternary "https" "http" $block.tls.enabled)
  "ssl_verify" $block.tls.verify
  "suppress_type_name" true
  "write_operation" "create"
  "include_timestamp" true
  "reload_connections" false
  "reconnect_on_error" true
  "request_timeout" "60s"
  "verify_es_version_at_startup" false
  "default_elasticsearch_version" 8
  "log_es_400_reason" true
  "compression_level" (ternary "best_speed" "no_compression" $block.gzip)
  "buffer" $buffer
-}}
{{- if $block.generateId -}}
{{- $match = merge $match (dict "id_key" "_hash" "remove_keys" "_hash") -}}
{{- end -}}
{{- if $block.logstash.enabled -}}
{{- $match = merge $match (dict "logstash_format" true "logstash_prefix" $block.logstash.prefix "logstash_dateformat" $block.logstash.dateFormat) -}}
{{- else -}}
{{- $_ := set $match "index_name" $block.index -}}
{{- end -}}
{{- with $block.path -}}
{{- $_ := set $match "path" . -}}
{{- end -}}
{{- if $block.username.name -}}
{{- $match = merge $match (dict "user" "${OUTPUT_USERNAME}" "password" "${OUTPUT_PASSWORD}") -}}
{{- end -}}
{{- if (include "log-sidecar.backendVolumes" . | fromYaml).volumes -}}
{{- $_ := set $match "ca_file" "/etc/log-sidecar-ca/ca.crt" -}}
{{- end -}}
{{- $match | toYaml -}}
{{- end -}}

{{/* What records get on their way: dict "root" $ "sidecar" <map>; returns a YAML list. */}}
{{- define "log-sidecar.fluentdFilters" -}}
{{- $filters := list -}}
{{- if .root.Values.sidecar.fileLabel -}}
{{- $record := dict "log" "${tag}: ${record[\"log\"]}" -}}
{{- $filters = append $filters (dict "filter" (dict "$type" "record_transformer" "$tag" "**" "record" $record)) -}}
{{- end -}}
{{- if include "log-sidecar.hasBackend" . -}}
{{- $record := dict "file" "${tag}" "namespace" "${OUTPUT_NAMESPACE}" "node" "${OUTPUT_NODE}" "pod" "${OUTPUT_POD}" -}}
{{- with include "log-sidecar.outputContainer" . -}}
{{- $_ := set $record "container" . -}}
{{- end -}}
{{- $record = mergeOverwrite (dict) .root.Values.output.labels $record -}}
{{- $filters = append $filters (dict "filter" (dict "$type" "record_transformer" "$tag" "**" "record" $record)) -}}
{{- if .root.Values.output.elasticsearch.generateId -}}
{{- $id := dict "$type" "elasticsearch_genid" "$tag" "**" "hash_id_key" "_hash" -}}
{{- $filters = append $filters (dict "filter" $id) -}}
{{- end -}}
{{- end -}}
{{- $filters | toYaml -}}
{{- end -}}

{{/*
The whole configuration of one sidecar: dict "root" $ "sidecar" <map>. A value that is nothing but `${OUTPUT_...}` becomes
what fluentd calls an embedded string, which reads the environment.
*/}}
{{- define "log-sidecar.config.fluentd" -}}
{{- $settings := .root.Values.sidecar.fluentd -}}
{{- $config := list -}}
{{- range .sidecar.files -}}
{{- $source := include "log-sidecar.fluentdSource" (dict "root" $.root "sidecar" $.sidecar "file" .) | fromYaml -}}
{{- $config = append $config (dict "source" $source) -}}
{{- end -}}
{{- $monitor := dict "$type" "monitor_agent" "$id" "monitor" "bind" $settings.metrics.listen "port" (include "log-sidecar.metricsPort" . | int) -}}
{{- $config = append $config (dict "source" $monitor) -}}
{{- $match := include (printf "log-sidecar.fluentdOutput.%s" .root.Values.output.type) . | fromYaml -}}
{{- /* A label of their own: fluentd's words about itself are no lines of the application. */ -}}
{{- $pipeline := append (include "log-sidecar.fluentdFilters" . | fromYamlArray) (dict "match" $match) -}}
{{- $config = append $config (dict "label" (dict "$name" "@LINES" "config" $pipeline)) -}}
{{- $system := dict "log_level" .root.Values.sidecar.logLevel "disable_shared_socket" true -}}
{{- $text := dict "system" $system "config" $config | toYaml -}}
{{- regexReplaceAll "(?m): \\$\\{(OUTPUT_[A-Z]+)\\}$" $text ": !fluent/s \"#{ENV['${1}']}\"" -}}
{{- end -}}

{{- define "log-sidecar.engine.fluentd" -}}
handler:
  httpGet:
    path: /api/plugins.json
    port: {{ include "log-sidecar.metricsPort" . }}
container:
  command:
    - /bin/sh
    - -c
  args:
    - |
      {{- include "log-sidecar.script" . | nindent 6 }}
  env:
    {{- include "log-sidecar.scriptEnv" . | nindent 4 }}
    {{- include "log-sidecar.agentEnv" . | nindent 4 }}
  ports:
    - name: {{ ternary (printf "metrics-%d" (int .sidecar.index)) "metrics" .root.Values.sidecar.perFile | quote }}
      containerPort: {{ include "log-sidecar.metricsPort" . }}
{{- end -}}

{{/* What fluentd does not do here, and fluent-bit does. */}}
{{- define "log-sidecar.checkFluentd" -}}
{{- if and .Values.sidecar.enabled (eq .Values.sidecar.engine "fluentd") }}
{{- if not (has .Values.output.type (list "stdout" "elasticsearch")) }}
output.type is {{ .Values.output.type }}, and the fluentd engine sends to stdout and elasticsearch only. Write:
sidecar:
  engine: fluent-bit{{ "\f" }}
{{- end }}
{{- $block := .Values.output.elasticsearch }}
{{- $name := ternary $block.logstash.prefix $block.index $block.logstash.enabled }}
{{- if and (eq .Values.output.type "elasticsearch") (contains "{" $name) }}
The index {{ $name | quote }} has placeholders, and the fluentd engine fills in none. Write one name for all, or:
sidecar:
  engine: fluent-bit{{ "\f" }}
{{- end }}
{{- if lt (float64 .Values.sidecar.fluentd.drainSeconds) (mul 2 (int .Values.sidecar.fluentd.refreshSeconds) | float64) }}
sidecar.fluentd.drainSeconds is {{ .Values.sidecar.fluentd.drainSeconds }}, shorter than two looks for new files, of which there is one every {{ .Values.sidecar.fluentd.refreshSeconds }} s. Write:
sidecar:
  fluentd:
    drainSeconds: {{ mul 2 (int .Values.sidecar.fluentd.refreshSeconds) }}{{ "\f" }}
{{- end }}
{{- range $index, $file := .Values.logs.files }}
{{- if $file.multiline }}
logs.files[{{ $index }}] ({{ $file.name }}): the fluentd engine does not join the lines of {{ $file.multiline }} records. Write `multiline: ""`, or:
sidecar:
  engine: fluent-bit{{ "\f" }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}
