{{/*
What the schema cannot say. Each check returns nothing, or a message: what is wrong, where, and the YAML to write
instead. All of them are shown at once.
*/}}
{{- define "observability-stack.validate" -}}
{{- $checks := list -}}
{{- if include "observability-stack.checkNulls" . -}}
{{- $checks = list "observability-stack.checkNulls" -}}
{{- else -}}
{{- range list "Mode" "DisabledAlerts" "RuleGroups" -}}
{{- $checks = append $checks (printf "observability-stack.check%s" .) -}}
{{- end -}}
{{- end -}}
{{- include "eks-common.refuse" (dict "root" . "checks" $checks) -}}
{{- end -}}

{{- define "observability-stack.checkMode" -}}
{{- $server := .Values.server -}}
{{- if and (eq $server.mode "agent") (not $server.remoteWrite) }}
server.mode is agent, and server.remoteWrite is empty: an agent that sends nothing measures for nobody. Write one of:
server:
  remoteWrite:
    - url: https://aps-workspaces.{{ .Values.cluster.region }}.amazonaws.com/workspaces/ws-.../api/v1/remote_write
      sigv4:
        region: {{ .Values.cluster.region }}
server:
  mode: server{{ "\f" }}
{{- end }}
{{- end -}}
