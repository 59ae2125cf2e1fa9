{{- define "observability-stack.fluentdNotes" -}}
{{- $output := .Values.logs.output -}}
{{- $backend := get $output $output.type -}}
{{- $name := include "observability-stack.componentName" (dict "root" . "component" "logs") -}}
fluentd collects logs on every Linux node, and sends them to the index {{ $backend.index }} at {{ $backend.host }}:{{ $backend.port | int }}:

  kubectl logs --namespace {{ .Release.Namespace }} daemonset/{{ $name }}
{{- if not .Values.logs.fluentd.configMap.create }}

Its configuration is the key fluent.conf of the ConfigMap {{ .Values.logs.fluentd.configMap.name }}, which has to be in this namespace.
{{- end }}
{{- with $output.secret.name }}

It takes its password from the Secret {{ . }}, and does not start without it:

  kubectl create secret generic {{ . }} --namespace {{ $.Release.Namespace }}{{ if not $.Values.logs.fluentd.user }} --from-literal={{ $output.secret.userKey }}=...{{ end }} --from-literal={{ $output.secret.passwordKey }}=...
{{- end }}

An uninstall leaves the index. Positions and what waits for the backend stay in {{ include "observability-stack.logsStatePath" . }} on the nodes; remove the folder there to start anew.
{{- end -}}
