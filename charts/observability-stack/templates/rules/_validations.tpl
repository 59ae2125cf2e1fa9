{{/* An alert that is switched off by a name that no alert has would go on ringing. */}}
{{- define "observability-stack.checkDisabledAlerts" -}}
{{- if .Values.rules.disabledAlerts -}}
{{- $known := list -}}
{{- range $key, $_ := .Values.rules.files -}}
{{- range ($.Files.Get (printf "files/rules/%s.yaml" (kebabcase $key)) | fromYaml).groups -}}
{{- range .rules }}{{ with .alert }}{{ $known = append $known . }}{{ end }}{{ end -}}
{{- end -}}
{{- end -}}
{{- range .Values.rules.disabledAlerts -}}
{{- if not (has . $known) }}
rules.disabledAlerts has {{ . }}, and the chart has no alert of that name. It has:
  {{ sortAlpha $known | join ", " | wrapWith 100 "\n  " }}{{ "\f" }}
{{- end }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Of two groups of one name AMP takes none. */}}
{{- define "observability-stack.checkRuleGroups" -}}
{{- if .Values.rules.groups -}}
{{- $seen := dict -}}
{{- range $name, $groups := include "observability-stack.ruleFiles" . | fromJson -}}
{{- range $groups -}}
{{- if hasKey $seen .name }}
rules.groups has a group named {{ .name }}, and there is one of that name already. Give yours another:
rules:
  groups:
    - name: my-{{ .name }}{{ "\f" }}
{{- end }}
{{- $_ := set $seen .name true -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
