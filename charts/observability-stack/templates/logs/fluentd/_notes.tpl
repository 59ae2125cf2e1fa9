{{- define "observability-stack.fluentdNotes" -}}
{{- if not .Values.logs.fluentd.configMap.create }}

It reads its configuration from the key fluent.conf of the ConfigMap {{ .Values.logs.fluentd.configMap.name }}, which must be in this namespace.
{{- end }}
{{- range include "observability-stack.fluentdOutputs" . | fromJsonArray }}

The output {{ .name }} sends to the index {{ ternary .logstashPrefix .index .logstashFormat }} at {{ .host }}:{{ .port | int }}. Uninstalling keeps the index.
{{- with .httpPasswd }} fluentd does not start without the Secret {{ .name }}:

  kubectl create secret generic {{ .name }} --namespace {{ $.Release.Namespace }} --from-literal={{ .key }}=...
{{- end }}
{{- end }}
{{- end -}}
