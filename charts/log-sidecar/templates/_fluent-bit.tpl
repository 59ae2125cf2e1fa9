{{/* The configuration of the fluent-bit engine: data, rendered once. */}}

{{/*
What the input of a file must not read although its rotated names match it: compressed copies, which were read before, and
other files such as `app.log.err` next to `app.log`: dict "root" $ "file" <map>.
*/}}
{{- define "log-sidecar.excluded" -}}
{{- $excluded := list "*.gz,*.zip,*.bz2,*.xz,*.zst" -}}
{{- range $other := ternary (list) .root.Values.logs.files (hasKey .file "paths") -}}
{{- if or (hasPrefix (printf "%s." $.file.path) $other.path) (hasPrefix (printf "%s-" $.file.path) $other.path) -}}
{{- $excluded = append $excluded (printf "%s*" $other.path) -}}
{{- end -}}
{{- end -}}
{{- join "," $excluded -}}
{{- end -}}

{{/*
Medium of the volume of positions and buffers; empty for disk. Fluent Bit skips lines that it has no room to store, and counts
them nowhere. Chunks for stdout, at most `storage.maxChunksUp`, are kept in memory, where no other program takes the room. What
other outputs keep through hours of an outage is too much for memory. Argument: the root.
*/}}
{{- define "log-sidecar.stateMedium" -}}
{{- $backend := include "log-sidecar.hasBackend" (dict "outputs" (include "log-sidecar.activeOutputs" . | fromJsonArray)) -}}
{{- $auto := ternary "Memory" "" (empty $backend) -}}
{{- eq .Values.sidecar.state.medium "auto" | ternary $auto .Values.sidecar.state.medium -}}
{{- end -}}

{{/*
Processors of a file's lines before they are stored, arguments as below; returns a YAML list. Fields are added here, once, and
not by the outputs at each try. `record_modifier` costs half the time and a tenth of the memory of `content_modifier`, but splits
a text at its blanks and quotes. Each processor counts its records (fluentbit_processor_items_in_total), the only count of lines
that found no room afterwards. So there is one, even if it does nothing, where lines are stored on a disk that others can fill.
*/}}
{{- define "log-sidecar.fluentBitProcessors" -}}
{{- $fields := dict -}}
{{- if or .root.Values.sidecar.fileLabel .backend }}{{ $_ := set $fields "file" .file.name }}{{ end -}}
{{- if .backend }}{{ $fields = merge $fields (include "log-sidecar.outputFields" . | fromJson) }}{{ end -}}
{{- $plain := list -}}
{{- $others := list -}}
{{- range $key, $value := $fields -}}
{{- if and (regexMatch "^[\\w.-]+$" $key) (regexMatch "^[\\w.:@/${}-]+$" $value) -}}
{{- $plain = append $plain (printf "%s %s" $key $value) -}}
{{- else -}}
{{- $others = append $others (dict "name" "content_modifier" "action" "insert" "key" $key "value" $value) -}}
{{- end -}}
{{- end -}}
{{- if $plain -}}
{{- $others = prepend $others (dict "name" "record_modifier" "record" $plain) -}}
{{- else if or (ne (include "log-sidecar.stateMedium" .root) "Memory") (eq .root.Values.logs.volume.type "persistentVolumeClaim") -}}
{{- $others = list (dict "name" "record_modifier") -}}
{{- end -}}
{{- $others | toYaml -}}
{{- end -}}

{{/*
One tail input. `rotate_wait` is ten years: after it Fluent Bit would forget a rotated file, find it again by its rotated name,
and deliver it a second time. A deleted file is closed at once in any case. `file_cache_advise` asks the kernel to drop what was
read, which makes it write the application's file to the disk after every read: a fifth of the CPU where lines come one by one,
and the disk's time. `file.paths`, where a caller sets it, is `path` as it is: "${LOG_PATHS}" leaves it to the environment.
Arguments: dict "root" $ "sidecar" <map> "file" <map> "outputs" <those that receive the file> "backend" <whether one of them
is not stdout>; returns YAML.
*/}}
{{- define "log-sidecar.fluentBitInput" -}}
{{- /* Fluent Bit reads the digits after the point as nanoseconds: "0.25" would be 25 ns, and a busy core. */ -}}
{{- $interval := mulf .root.Values.sidecar.fluentBit.refreshInterval 1000000000 | int64 -}}
{{- /*
The longest line; a longer one is cut, and counted. CloudWatch Logs and Firehose accept 1 MiB, escapes included, and Fluent Bit
counts no record that it discards there.
*/ -}}
{{- $size := "1M" -}}
{{- range .outputs }}{{ if has .type (list "cloudwatch" "firehose") }}{{ $size = "128k" }}{{ end }}{{ end -}}
{{- with .root.Values.sidecar.fluentBit.bufferMaxSize }}{{ if ne . "auto" }}{{ $size = . }}{{ end }}{{ end -}}
{{- $input := dict
  "name" "tail"
  "alias" .file.name
  "tag" .file.name
  "path" (.file.paths | default (include "log-sidecar.patterns" .file | fromJsonArray | join ","))
  "exclude_path" (include "log-sidecar.excluded" .)
  "key" "log"
  "read_from_head" true
  "db" (printf "%s/%s.db" (include "log-sidecar.stateDir" .sidecar) .file.name)
  "db.locking" true
  "db.sync" "normal"
  "refresh_interval" (printf "%d.%09d" (div $interval 1000000000) (mod $interval 1000000000))
  "watcher_interval" 1
  "rotate_wait" 315360000
  "buffer_chunk_size" "64k"
  "buffer_max_size" $size
  "skip_long_lines" true
  "truncate_long_lines" true
  "file_cache_advise" false
  "storage.type" "filesystem"
  "storage.pause_on_chunks_overlimit" (not .backend)
-}}
{{- if .backend -}}
{{- /* Where a record stands in its file: it sorts records of one time, and keeps equal lines apart. */ -}}
{{- $_ := set $input "offset_key" "offset" -}}
{{- if or .file.paths (regexMatch "[*?\\[]" .file.path) }}{{ $_ := set $input "path_key" "path" }}{{ end -}}
{{- end -}}
{{- if has .file.multiline (list "docker" "cri") }}{{ $_ := set $input "multiline.parser" .file.multiline }}{{ end -}}
{{- with include "log-sidecar.fluentBitProcessors" . | fromYamlArray }}{{ $_ := set $input "processors" (dict "logs" .) }}{{ end -}}
{{- $input | toYaml -}}
{{- end -}}

{{/* The name of a file's parser: a preset of Fluent Bit, or one of the chart's, which has no preset's name. */}}
{{- define "log-sidecar.multilineParser" -}}
{{- ternary (printf "records-of-%s" .file.name) .file.multiline (has .file.multiline (list "regex" "python")) -}}
{{- end -}}

{{/* The parser of a file, if it is one of the chart's; returns YAML. */}}
{{- define "log-sidecar.multilineRules" -}}
{{- $rules := list -}}
{{- if eq .file.multiline "python" -}}
{{- /* Fluent Bit's own (5.1.1) delivers the last line of a trace twice, and knows no exceptions that others cause. */ -}}
{{- $start := "^\\s*Traceback \\(most recent call last\\):" -}}
{{- $rules = list
  (list "start_state" $start "trace")
  (list "trace" "^[\\t ]" "trace")
  (list "trace" "^(?:[^\\s.():]+\\.)*[^\\s.():]+(?::|$)" "end")
  (list "end" "^(?:During handling of the above|The above exception was|$)" "end")
  (list "end" $start "trace")
-}}
{{- else if eq .file.multiline "regex" -}}
{{- $start := .file.multilineRegex.start -}}
{{- /* Without a rule for the lines that follow, these are all up to the next one that starts a record. */ -}}
{{- $continuation := .file.multilineRegex.continuation | default (printf "^(?!(?:%s))" $start) -}}
{{- $rules = list (list "start_state" $start "more") (list "more" $continuation "more") -}}
{{- end -}}
{{- $sections := list -}}
{{- range $rules }}{{ $sections = append $sections (dict "state" (index . 0) "regex" (printf "/%s/" (index . 1)) "next_state" (index . 2)) }}{{ end -}}
{{- if $rules -}}
{{- dict "name" (include "log-sidecar.multilineParser" .) "type" "regex" "flush_timeout" 500 "rules" $sections | toYaml -}}
{{- end -}}
{{- end -}}

{{/*
The filter that joins lines into records. The input could do it too, but holds the last record back for up to 8 s and
loses it at the end; this one lets it go after two times flush_ms, and keeps empty lines.
*/}}
{{- define "log-sidecar.fluentBitMultiline" -}}
name: multiline
match: {{ .file.name | quote }}
multiline.key_content: log
multiline.parser: {{ include "log-sidecar.multilineParser" . }}
mode: parser
buffer: true
flush_ms: 500
emitter_name: {{ printf "%s-records" .file.name | quote }}
emitter_storage.type: filesystem
{{- end -}}

{{/*
The filter that puts a multiline record on one line, as each line of stdout is a record to its reader. A backend keeps the
line breaks, and only the last one, which joining leaves there, is removed; with both, stdout has a processor of its own.
*/}}
{{- define "log-sidecar.fluentBitOneLine" -}}
{{- $line := ternary "line" (printf "line:gsub(\"\\r?\\n\", %s)" (toJson .root.Values.logs.multilineSeparator)) .backend -}}
{{- $code := .root.Files.Get "files/sidecar/one-line.lua" | replace "{line}" $line | trim -}}
{{- dict "name" "lua" "match" .file.name "call" "one_line" "code" $code | toYaml -}}
{{- end -}}

{{/* The whole configuration of one sidecar: dict "root" $ "sidecar" <map>; returns YAML. */}}
{{- define "log-sidecar.config.fluent-bit" -}}
{{- $values := .root.Values -}}
{{- $settings := $values.sidecar.fluentBit -}}
{{- $active := include "log-sidecar.sidecarOutputs" . | fromJsonArray -}}
{{- $backend := include "log-sidecar.hasBackend" (dict "outputs" $active) -}}
{{- $inputs := list -}}
{{- $filters := list -}}
{{- $parsers := list -}}
{{- range $file := .sidecar.files -}}
{{- $receivers := include "log-sidecar.receivers" (dict "outputs" $active "files" (list .)) | fromJsonArray -}}
{{- $receives := ne "" (include "log-sidecar.hasBackend" (dict "outputs" $receivers)) -}}
{{- $scope := merge (dict "file" . "outputs" $receivers "backend" $receives) $ -}}
{{- $inputs = append $inputs (include "log-sidecar.fluentBitInput" $scope | fromYaml) -}}
{{- if and .multiline (not (has .multiline (list "docker" "cri"))) }}{{ $filters = append $filters (include "log-sidecar.fluentBitMultiline" $scope | fromYaml) }}{{ end -}}
{{- if .multiline }}{{ $filters = append $filters (include "log-sidecar.fluentBitOneLine" $scope | fromYaml) }}{{ end -}}
{{- with include "log-sidecar.multilineRules" $scope }}{{ $parsers = append $parsers (fromYaml .) }}{{ end -}}
{{- end -}}
{{- $pipeline := dict "inputs" $inputs "outputs" (include "log-sidecar.fluentBitOutputs" (merge (dict "outputs" $active) .) | fromJsonArray) -}}
{{- with $filters }}{{ $_ := set $pipeline "filters" . }}{{ end -}}
{{- $service := dict
  "flush" (eq (toString $settings.flush) "auto" | ternary (ne $backend "" | ternary 1 0.05) $settings.flush)
  "grace" (include "log-sidecar.grace" .root | int)
  "log_level" $values.sidecar.logLevel
  "http_server" true
  "http_listen" $settings.httpServer.listen
  "http_port" (include "log-sidecar.httpPort" . | int)
  "storage.path" (printf "%s/chunks" (include "log-sidecar.stateDir" .sidecar))
  "storage.sync" "normal"
  "storage.checksum" false
  "storage.metrics" true
  "storage.max_chunks_up" $settings.storage.maxChunksUp
  "storage.backlog.mem_limit" "8M"
-}}
{{- /* Seconds between retries: twice as long each time, from this base up to this cap (Fluent Bit's own is over half an hour). */ -}}
{{- if $backend }}{{ $service = merge $service (dict "scheduler.base" 1 "scheduler.cap" 30) }}{{ end -}}
{{- $config := dict "service" $service "pipeline" $pipeline "multiline_parsers" $parsers -}}
{{- include "log-sidecar.nonEmpty" (dict "from" $config "fields" (keys $config)) -}}
{{- end -}}
