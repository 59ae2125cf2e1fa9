{{/* The configuration of the fluent-bit engine: data, rendered once. */}}

{{/*
Patterns that the input of a file excludes: compressed copies of what it has read, and other log files that its patterns
match, such as `app.log.err` next to `app.log`. dict "root" $ "file" <map>.
*/}}
{{- define "log-sidecar.excluded" -}}
{{- $excluded := list "*.gz,*.zip,*.bz2,*.xz,*.zst" -}}
{{- range $other := ternary (list) .root.Values.logs.files (hasKey .file "paths") -}}
{{- $rest := trimPrefix $.file.path $other.path -}}
{{- if and (hasPrefix $.file.path $other.path) (regexMatch "^[.-]" $rest) }}{{ $excluded = append $excluded (printf "%s*" $other.path) }}{{ end -}}
{{- end -}}
{{- join "," $excluded -}}
{{- end -}}

{{/*
Medium of the volume for positions and buffers; empty for disk. On a full disk Fluent Bit drops lines without counting them, so
chunks for stdout, at most `storage.maxChunksUp`, stay in memory, which no other program can fill. Backends need disk: they
buffer hours of an outage. Argument: the root.
*/}}
{{- define "log-sidecar.stateMedium" -}}
{{- $backend := include "log-sidecar.hasBackend" (dict "outputs" (include "log-sidecar.activeOutputs" . | fromJsonArray)) -}}
{{- $auto := ternary "Memory" "" (empty $backend) -}}
{{- eq .Values.sidecar.state.medium "auto" | ternary $auto .Values.sidecar.state.medium -}}
{{- end -}}

{{/*
Processors of a file's lines before they are stored, arguments as below; returns a YAML list. They add fields once, not with each
retry of an output. `record_modifier` uses half the time and a tenth of the memory of `content_modifier`, but splits values at
blanks and quotes. Only fluentbit_processor_items_in_total counts lines that a full disk drops, so a disk that other programs
can fill requires a processor, even one that changes nothing.
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
{{- with .file.encoding -}}
{{- /* The input has options for this, which garble a line that it reads in two parts (5.1.1). */ -}}
{{- $characters := get ($.root.Files.Get "files/sidecar/encodings.yaml" | fromYaml) . -}}
{{- $code := $.root.Files.Get "files/sidecar/decode.lua" | replace "{characters}" $characters | trim -}}
{{- $others = prepend $others (dict "name" "lua" "call" "decode" "code" $code) -}}
{{- end -}}
{{- /* The input could join lines too, but drops empty ones, and loses the last record at the end. */ -}}
{{- if include "log-sidecar.joinsRecords" .file -}}
{{- $given := dict "name" (printf "records-of-%s" .file.name) "milliseconds" 500 -}}
{{- $others = include "log-sidecar.multilineProcessors" $given | fromJsonArray | concat $others -}}
{{- end -}}
{{- get .root.Values.sidecar.fluentBit.extraProcessors .file.name | default list | concat $others | toYaml -}}
{{- end -}}

{{/*
One tail input. `rotate_wait` is ten years: after it Fluent Bit forgets a rotated file, finds it by its rotated name, and delivers
it again. Deleted files are closed at once in any case. `file_cache_advise` makes the kernel write the application's file to disk
after every read, which costs a fifth of the CPU for single lines. A caller can set `file.paths` for the option `path`, for
example "${LOG_PATHS}".
Arguments: dict "root" $ "sidecar" <map> "file" <map> "outputs" <those that receive the file> "backend" <whether one of them
is not stdout>; returns YAML.
*/}}
{{- define "log-sidecar.fluentBitInput" -}}
{{- /* Fluent Bit reads the digits after the point as nanoseconds: "0.25" is 25 ns, and keeps a core busy. */ -}}
{{- $interval := mulf .root.Values.sidecar.fluentBit.refreshInterval 1000000000 | int64 -}}
{{- /*
Longer lines are truncated and counted. CloudWatch Logs, Firehose and Kinesis accept 1 MiB, escapes included, and Fluent Bit
does not count the records that it discards there. Kafka accepts 1 MB by default, Loki 256 KiB.
*/ -}}
{{- $size := "1M" -}}
{{- range .outputs }}{{ if has .type (list "cloudwatch" "firehose" "kinesis" "kafka" "loki") }}{{ $size = "128k" }}{{ end }}{{ end -}}
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
  "buffer_chunk_size" (ternary "64k" $size .root.Values.sidecar.fluentBit.inotifyWatcher)
  "buffer_max_size" $size
  "skip_long_lines" true
  "truncate_long_lines" true
  "file_cache_advise" false
  "inotify_watcher" .root.Values.sidecar.fluentBit.inotifyWatcher
  "storage.type" "filesystem"
  "storage.pause_on_chunks_overlimit" (not .backend)
-}}
{{- if .backend -}}
{{- /* The offset sorts records with equal timestamps and distinguishes equal lines. */ -}}
{{- $_ := set $input "offset_key" "offset" -}}
{{- if or .file.paths (regexMatch "[*?\\[]" .file.path) }}{{ $_ := set $input "path_key" "path" }}{{ end -}}
{{- end -}}
{{- if has .file.multiline (list "docker" "cri") }}{{ $_ := set $input "multiline.parser" .file.multiline }}{{ end -}}
{{- with include "log-sidecar.fluentBitProcessors" . | fromYamlArray }}{{ $_ := set $input "processors" (dict "logs" .) }}{{ end -}}
{{- $input | toYaml -}}
{{- end -}}

{{/* Whether lines of a file are joined by processors, rather than by the input, which joins parts of lines. Argument: the file. */}}
{{- define "log-sidecar.joinsRecords" -}}
{{- if and .multiline (not (has .multiline (list "docker" "cri"))) }}true{{ end -}}
{{- end -}}

{{/* The multiline parser of a file, as JSON: dict "root" $ "file" <map>. */}}
{{- define "log-sidecar.fileParser" -}}
{{- $own := .root.Values.sidecar.fluentBit.extraMultilineParsers -}}
{{- if eq .file.multiline "regex" -}}
{{- $start := .file.multilineRegex.start -}}
{{- /* Default: a record continues up to the next line that starts one. */ -}}
{{- $continuation := .file.multilineRegex.continuation | default (printf "^(?!(?:%s))" $start) -}}
{{- $own = list (dict "name" "regex" "rules" (list
  (dict "state" "start_state" "regex" (printf "/%s/" $start) "next_state" "more")
  (dict "state" "more" "regex" (printf "/%s/" $continuation) "next_state" "more")
)) -}}
{{- end -}}
{{- include "log-sidecar.multilineParser" (dict "name" (printf "records-of-%s" .file.name) "formats" (list .file.multiline) "own" $own) -}}
{{- end -}}

{{/*
The filter that parses the lines of a file, as JSON: dict "root" $ "file" <map>. The record keeps its line, which stdout prints,
unless the parser has a group with the name of its field.
*/}}
{{- define "log-sidecar.fluentBitParse" -}}
{{- $kept := true -}}
{{- range .root.Values.sidecar.fluentBit.extraParsers -}}
{{- if and (eq .name $.file.parser) (contains "(?<log>" (toString .regex)) }}{{ $kept = false }}{{ end -}}
{{- end -}}
{{- dict "name" "parser" "match" .file.name "key_name" "log" "parser" .file.parser "reserve_data" true "preserve_key" $kept | toJson -}}
{{- end -}}

{{/* Parsers of the configuration, as a JSON list: those of the values, and `json` if a file uses it. dict "root" $ "files" <list>. */}}
{{- define "log-sidecar.fluentBitParsers" -}}
{{- $parsers := .root.Values.sidecar.fluentBit.extraParsers -}}
{{- $used := dict -}}
{{- range .files }}{{ $_ := set $used (.parser | default "") true }}{{ end -}}
{{- range $parsers }}{{ $_ := unset $used .name }}{{ end -}}
{{- hasKey $used "json" | ternary (append $parsers (dict "name" "json" "format" "json")) $parsers | toJson -}}
{{- end -}}

{{/*
The filter that puts a multiline record on one line: readers of stdout take each line as a record. For a backend it removes only
the trailing line break. With both, stdout has its own processor (log-sidecar.stdoutProcessor).
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
{{- $parses := list -}}
{{- $lines := list -}}
{{- $parsers := list -}}
{{- range $file := .sidecar.files -}}
{{- $receivers := include "log-sidecar.receivers" (dict "outputs" $active "files" (list .)) | fromJsonArray -}}
{{- $receives := ne "" (include "log-sidecar.hasBackend" (dict "outputs" $receivers)) -}}
{{- $scope := merge (dict "file" . "outputs" $receivers "backend" $receives) $ -}}
{{- $inputs = append $inputs (include "log-sidecar.fluentBitInput" $scope | fromYaml) -}}
{{- if .parser }}{{ $parses = append $parses (include "log-sidecar.fluentBitParse" $scope | fromJson) }}{{ end -}}
{{- if .multiline }}{{ $lines = append $lines (include "log-sidecar.fluentBitOneLine" $scope | fromYaml) }}{{ end -}}
{{- if include "log-sidecar.joinsRecords" . }}{{ $parsers = append $parsers (include "log-sidecar.fileParser" $scope | fromJson) }}{{ end -}}
{{- end -}}
{{- $inputs = concat $inputs (include "log-sidecar.redactionInputs" . | fromJsonArray) -}}
{{- $inputs = append $inputs (include "log-sidecar.positionsInput" . | fromJson) -}}
{{- /* Secrets of several lines are found while they are still on several lines. */ -}}
{{- $filters := concat (include "log-sidecar.redactionFilters" (dict "root" .root "filters" (concat $parses $settings.extraFilters)) | fromJsonArray) $lines -}}
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
{{- /* Retries back off exponentially from `base` to `cap` seconds (Fluent Bit's default cap is over half an hour). */ -}}
{{- if $backend }}{{ $service = merge $service (dict "scheduler.base" 1 "scheduler.cap" 30) }}{{ end -}}
{{- $config := dict "service" $service "pipeline" $pipeline "parsers" (include "log-sidecar.fluentBitParsers" (dict "root" .root "files" .sidecar.files) | fromJsonArray) "multiline_parsers" $parsers -}}
{{- include "log-sidecar.nonEmpty" $config | fromJson | toYaml -}}
{{- end -}}
