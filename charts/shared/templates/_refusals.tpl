{{/* Checks of values, and how they are reported. */}}

{{/*
Values that are null and must not be: a values file that sets one to null removes it, and the first template that
reads it would stop with a nil pointer. dict "root" $ "blocks", "lists", "scalars" <paths, parted by blanks>.
*/}}
{{- define "shared.nullMessages" -}}
{{- $all := . }}
{{- range $kind, $empty := dict "blocks" "{}" "lists" "[]" "scalars" "" }}
{{- range regexSplit "\\s+" (get $all $kind | trim) -1 }}
{{- $value := $all.root.Values }}
{{- $parent := dict }}
{{- range splitList "." . }}
{{- $parent = $value }}
{{- if kindIs "map" $value }}{{ $value = get $value . }}{{ end }}
{{- end }}
{{- /* `get` returns "" for what is not there; below a block that is not there one message is enough. */}}
{{- if and (kindIs "map" $parent) (or (kindIs "invalid" $value) (not (hasKey $parent (splitList "." . | last)))) }}
{{ . }} is null. Leave the line out to keep the default{{ if $empty }}, or write:
{{- $steps := splitList "." . }}
{{- range $depth, $step := $steps }}
{{ repeat (mul 2 $depth | int) " " }}{{ $step }}:{{ if eq (add1 $depth | int) (len $steps) }} {{ $empty }}{{ end }}
{{- end }}{{ else }}.{{ end }}{{ "\f" }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/*
Stops with the messages of all checks, or not at all: dict "root" $ "checks" <names, what follows `check` in those of the
helpers>. A check returns messages that are separated by form feeds, which no value can contain.
*/}}
{{- define "shared.refuse" -}}
{{- $messages := list -}}
{{- range .checks -}}
{{- range include (printf "shared.check%s" .) $.root | splitList "\f" -}}
{{- with trim . -}}
{{- $messages = append $messages . -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if and $messages (not .root.Chart.IsRoot) -}}
{{- $where := "What follows is about the values below `%s:` of the chart that has this one as a dependency." -}}
{{- $messages = prepend $messages (printf $where .root.Chart.Name) -}}
{{- end -}}
{{- if $messages -}}
{{- fail (printf "\n\n%s\n" (join "\n\n" $messages)) -}}
{{- end -}}
{{- end -}}

{{/* YAML to write instead, in a refusal: dict "path" <path, parted by points> "value" <text>. */}}
{{- define "shared.write" -}}
{{- $steps := splitList "." .path -}}
{{- range $depth, $step := $steps }}
{{ repeat (mul 2 $depth | int) " " }}{{ $step }}:{{ if eq (add1 $depth | int) (len $steps) }} {{ $.value }}{{ end }}
{{- end }}
{{- end -}}
