{{/* Checks of values, and how they are reported. */}}

{{/*
Stops with the messages of all checks, or not at all: dict "root" $ "checks" <names, what follows `check` in those of the
helpers>. A check returns messages that are separated by form feeds, which no value can contain.
*/}}
{{- define "shared.runChecks" -}}
{{- /* `toYaml` does not escape these, and `fromYaml` returns its error as if it were the data: objects would lack their parts. */ -}}
{{- $text := "" -}}
{{- range $key, $value := .root.Values -}}
{{- with regexFind "[\\x{7f}-\\x{9f}\\x{fffe}\\x{ffff}]" (toJson $value) }}{{ $text = printf "%s`%s` contains the character %+q, which YAML does not permit. Remove it.\f" $text $key . }}{{ end -}}
{{- end -}}
{{- include "shared.stop" (dict "root" .root "text" $text) -}}
{{- range .checks }}{{ $text = printf "%s%s" $text (include (printf "shared.check%s" .) $.root) }}{{ end -}}
{{- include "shared.stop" (dict "root" .root "text" $text) -}}
{{- end -}}

{{/* Stops with messages, or not at all if there are none: dict "root" $ "text" <messages, each followed by a form feed>. */}}
{{- define "shared.stop" -}}
{{- $messages := list -}}
{{- range splitList "\f" .text }}{{ with trim . }}{{ $messages = append $messages . }}{{ end }}{{ end -}}
{{- if and $messages (not .root.Chart.IsRoot) -}}
{{- $where := "What follows is about the values below `%s:` of the chart that has this one as a dependency." -}}
{{- $messages = prepend $messages (printf $where .root.Chart.Name) -}}
{{- end -}}
{{- if $messages -}}
{{- fail (printf "\n\n%s\n" (join "\n\n" $messages)) -}}
{{- end -}}
{{- end -}}

{{/*
A message if a condition holds, nothing otherwise. Argument: a list of the condition, the problem, and pairs of a path and
its new value, which are shown as YAML; several pairs are alternatives. An empty path stands for all values. A problem that
ends with a colon introduces the YAML itself.
*/}}
{{- define "shared.reject" -}}
{{- if first . }}
{{- $problem := index . 1 }}
{{- $pairs := slice . 2 }}
{{ $problem }}{{ if and $pairs (not (hasSuffix ":" $problem)) }} Write{{ if gt (len $pairs) 2 }} one of{{ end }}:{{ end }}
{{- range $index := untilStep 0 (len $pairs) 2 }}
{{- $yaml := index $pairs (add1 $index) }}
{{- range without (index $pairs $index | splitList ".") "" | reverse }}{{ $yaml = dict . $yaml }}{{ end }}
{{ toYaml $yaml }}
{{- end }}{{ "\f" }}
{{- end }}
{{- end -}}
