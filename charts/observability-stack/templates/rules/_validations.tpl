{{/* Checks of `rules`. A misspelled name in `disabledAlerts` would leave the alert enabled. */}}
{{- define "observability-stack.checkDisabledAlerts" -}}
{{- $known := list -}}
{{- range $key, $_ := ternary .Values.rules.files dict (gt (len .Values.rules.disabledAlerts) 0) -}}
{{- range ($.Files.Get (printf "files/rules/%s.yaml" (kebabcase $key)) | fromYaml).groups -}}
{{- range .rules }}{{ with .alert }}{{ $known = append $known . }}{{ end }}{{ end -}}
{{- end -}}
{{- end -}}
{{- range .Values.rules.disabledAlerts -}}
{{- include "observability-stack.reject" (list (not (has . $known))
  (printf "`rules.disabledAlerts` has %s, but the chart has no alert of that name. Its alerts are:\n  %s" . (sortAlpha $known | join ", " | wrapWith 100 "\n  "))) }}
{{- end -}}
{{- end -}}

{{/* AMP rejects a file in which two groups share a name. */}}
{{- define "observability-stack.checkRuleGroups" -}}
{{- $seen := list -}}
{{- range $name, $groups := ternary (include "observability-stack.ruleFiles" . | fromJson) dict (gt (len .Values.rules.groups) 0) -}}
{{- range $groups -}}
{{- include "observability-stack.reject" (list (has .name $seen)
  (printf "`rules.groups` has a group named %s, but another group has that name." .name)
  "rules.groups" (list (dict "name" (printf "my-%s" .name)))) }}
{{- $seen = append $seen .name -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "observability-stack.checkMonitors" -}}
{{- include "observability-stack.reject" (list (and .Values.podMonitor.enabled (not (or .Values.logs.enabled .Values.events.enabled)))
  "`podMonitor.enabled` is true, but neither `logs` nor `events` is enabled, so there is no pod to scrape." "logs.enabled" true) }}
{{- include "observability-stack.reject" (list (and .Values.rules.prometheusRule.enabled (include "observability-stack.ruleFiles" . | fromJson | empty))
  "`rules.prometheusRule.enabled` is true, but there are no rules." "rules.enabled" true) }}
{{- end -}}
