{{/*
Sections of Fluent Bit's classic format: dict "kind" <for example, FILTER> "sections" <list of maps of options>. Options that are
lists are repeated. No option can contain a line break.
*/}}
{{- define "shared.classicSections" -}}
{{- range $options := .sections | default list }}
[{{ $.kind }}]
{{- range $name := hasKey $options "name" | ternary (prepend (keys (omit $options "name") | sortAlpha) "name") (keys $options | sortAlpha) }}
{{- $value := get $options $name }}
{{- range kindIs "slice" $value | ternary $value (list $value) }}
    {{ $name }} {{ if kindIs "bool" . }}{{ ternary "On" "Off" . }}{{ else }}{{ kindIs "string" . | ternary . (toJson .) }}{{ end }}
{{- end }}
{{- end }}
{{ end -}}
{{- end -}}
