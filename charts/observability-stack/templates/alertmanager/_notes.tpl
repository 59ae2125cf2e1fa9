{{/* IAM statements for receivers of Amazon SNS, a JSON list. A receiver with keys of its own, or a role that it assumes, needs no topic. */}}
{{- define "observability-stack.snsStatements" -}}
{{- $topics := list -}}
{{- $roles := list -}}
{{- if and (include "observability-stack.runs" (dict "root" . "component" "alertmanager")) (not .Values.alertmanager.existingSecret) -}}
{{- range .Values.alertmanager.config.receivers }}{{ range .sns_configs -}}
{{- $signature := .sigv4 | default dict -}}
{{- if $signature.role_arn }}{{ $roles = append $roles $signature.role_arn -}}
{{- else if not $signature.access_key }}{{ $topics = append $topics (.topic_arn | default .target_arn | default "*") }}{{ end -}}
{{- end }}{{ end -}}
{{- end -}}
{{- include "observability-stack.allowed" (dict "sns:Publish" $topics "sts:AssumeRole" $roles) -}}
{{- end -}}

{{- define "observability-stack.alertmanagerNotes" -}}
{{- with include "observability-stack.snsStatements" . | fromJsonArray -}}
The least-privilege policy of the role of Alertmanager:

{{ include "observability-stack.policyDocument" . | indent 2 }}

{{ include "observability-stack.roleNotes" (dict "root" $ "component" "alertmanager" "who" "Alertmanager" "workload" (printf "statefulset/%s" (include "observability-stack.componentName" (dict "root" $ "component" "alertmanager")))) }}
{{- end -}}
{{- end -}}
