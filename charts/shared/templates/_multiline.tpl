{{/*
Multiline records: the lines of a stack trace are one record. A configuration has one parser for all selected formats: with several,
Fluent Bit (5.1.1) tries them in turn after lines of other files, and a line of one format can begin a record of another one.
*/}}

{{/*
Rules of the formats that can be selected by name, as lists of state, regex and next_state. Fluent Bit's own parsers duplicate lines
after which a record can begin (python and nested java exceptions), and require a message after the name of an exception (java).
*/}}
{{- define "shared.multilineFormats" -}}
go:
  - [start_state, '\bpanic: |^fatal error: ', after_panic]
  - [start_state, 'http: panic serving', goroutine]
  - [after_panic, '^\s+panic: |^\[signal ', after_panic]
  - ['after_panic,call', '^$', goroutine]
  - ['after_panic,goroutine', '^goroutine \d+ \[', call]
  - [call, '^\.\.\.', call]
  - [call, '^\S+\(|^created by ', place]
  - [place, '^\s+\S', call]
java:
  - [start_state, '.(?:Exception|Error|Throwable|V8 errors stack trace)(?::|\s*$)', exception]
  - [exception, '^\s*$|^\s*(?:nested exception is:|--->)|^\s+\S+(?:Exception|Error|Throwable)(?::|\s*$)', exception]
  - ['exception,frame', '^\s*(?:Caused by|Suppressed):', exception]
  - ['exception,frame', '^\s+(?:eval )?at |^\s*\.\.\. \d+ (?:more|common frames omitted)', frame]
  - ['exception,frame', '^\s+--- End of inner exception|^--- End of stack trace from previous', frame]
python:
  - [start_state, '^\s*Traceback \(most recent call last\):', trace]
  - [trace, '^[\t ]', trace]
  - [trace, '^(?:[^\s.():]+\.)*[^\s.():]+(?::|$)', end]
  - [end, '^(?:During handling of the above|The above exception was|$)', end]
  - [end, '^\s*Traceback \(most recent call last\):', trace]
ruby:
  - [start_state, '^.+:\d+:in ', frame]
  - [frame, '^\s+from .+:\d+:in ', frame]
{{- end -}}

{{/*
The parser, as JSON: dict "name" <of the parser> "formats" <names> "own" <extraMultilineParsers of the values>. The states of a format
get its name as a prefix, so that a record continues only with lines of its format.
*/}}
{{- define "shared.multilineParser" -}}
{{- $rules := include "shared.multilineFormats" . | fromYaml -}}
{{- range .own -}}
{{- $own := list -}}
{{- range .rules }}{{ $own = append $own (list .state .regex .next_state) }}{{ end -}}
{{- $_ := set $rules .name $own -}}
{{- end -}}
{{- $starts := list -}}
{{- $others := list -}}
{{- range $format := .formats -}}
{{- range get $rules . -}}
{{- $states := list -}}
{{- range splitList "," (first .) }}{{ $states = append $states (eq (trim .) "start_state" | ternary "start_state" (printf "%s/%s" $format (trim .))) }}{{ end -}}
{{- $regex := regexMatch "^/.*/[imx]*$" (index . 1) | ternary (index . 1) (printf "/%s/" (index . 1)) -}}
{{- $section := dict "state" (join "," $states) "regex" $regex "next_state" (printf "%s/%s" $format (last .)) -}}
{{- if has "start_state" $states }}{{ $starts = append $starts $section }}{{ else }}{{ $others = append $others $section }}{{ end -}}
{{- end -}}
{{- end -}}
{{- dict "name" .name "type" "regex" "rules" (concat $starts $others) | toJson -}}
{{- end -}}

{{/*
Processors of an input that join the lines of the field log, as a JSON list: dict "name" <of the parser> "milliseconds" <after which
a record without further lines is complete> and, for logs of containers, "streams" true: a line on stdout does not end a record of
stderr. Filters would receive the records through an emitter of 10 MB, which loses what exceeds it.
*/}}
{{- define "shared.multilineProcessors" -}}
{{- $processors := list -}}
{{- range $op := ternary (list "eq" "neq") (list "") (eq (toString .streams) "true") -}}
{{- $name := ternary $.name (printf "%s-%s" $.name (ternary "stderr" "stdout" (eq . "eq"))) (empty .) -}}
{{- $condition := dict "op" "and" "rules" (list (dict "field" "$stream" "op" . "value" "stderr")) -}}
{{- $processors = append $processors (merge (dict
  "name" "multiline"
  "alias" $name
  "multiline.key_content" "log"
  "multiline.parser" $.name
  "mode" "parser"
  "buffer" true
  "flush_ms" $.milliseconds
  "emitter_name" (printf "%s-emitter" $name)
) (ternary dict (dict "condition" $condition) (empty .))) -}}
{{- end -}}
{{- $processors | toJson -}}
{{- end -}}

{{/* The parser of container logs, as a JSON list, empty without multiline formats. Argument: `logs` of the values. */}}
{{- define "shared.containerMultilineParsers" -}}
{{- $given := dict "name" "records" "formats" .application.multiline "own" .extraMultilineParsers -}}
{{- empty .application.multiline | ternary list (list (include "shared.multilineParser" $given | fromJson)) | toJson -}}
{{- end -}}

{{/* Processors of the input of container logs, as a JSON list. Argument: `logs` of the values. */}}
{{- define "shared.containerMultilineProcessors" -}}
{{- $given := dict "name" "records" "milliseconds" 1000 "streams" true -}}
{{- empty .application.multiline | ternary "[]" (include "shared.multilineProcessors" $given) -}}
{{- end -}}
