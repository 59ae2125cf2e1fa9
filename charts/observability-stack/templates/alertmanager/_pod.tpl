{{- define "observability-stack.alertmanagerConfig" -}}
{{- $config := deepCopy .Values.alertmanager.config -}}
{{- $client := include "observability-stack.proxiedClient" (dict "root" . "client" (dig "global" "http_config" dict $config)) | fromJson -}}
{{- if $client }}{{ $config = merge (dict "global" (dict "http_config" $client)) $config }}{{ end -}}
{{- /* The client of a receiver replaces the global one. */ -}}
{{- range $config.receivers }}{{ range $kind, $targets := . }}{{ range hasSuffix "_configs" $kind | ternary $targets list }}
{{- if .http_config }}{{ $_ := set . "http_config" (include "observability-stack.proxiedClient" (dict "root" $ "client" .http_config) | fromJson) }}{{ end -}}
{{- end }}{{ end }}{{ end -}}
{{- dict "alertmanager.yml" (toYaml $config) | toYaml -}}
{{- end -}}

{{- define "observability-stack.alertmanagerPod" -}}
{{- $values := .Values.alertmanager -}}
{{- $web := dict "root" . "component" "alertmanager" -}}
annotations:
  checksum/config: {{ include "observability-stack.alertmanagerConfig" . | sha256sum }}
args:
  - --config.file=/etc/alertmanager/alertmanager.yml
  - --storage.path=/alertmanager
  - --data.retention={{ $values.retention }}
  - --web.listen-address=:{{ $values.service.port | int }}
  {{- include "observability-stack.webArgs" $web | nindent 2 }}
  # Disable clustering: there is one replica.
  - --cluster.listen-address=
{{- if include "observability-stack.snsStatements" . | fromJsonArray }}
env:
  {{- include "observability-stack.awsEnv" . | nindent 2 }}
{{- end }}
ports:
  - {name: http, containerPort: {{ $values.service.port | int }}}
handlers:
  livenessProbe: {{ include "observability-stack.webHandler" (merge (dict "path" "/-/healthy") $web) }}
  readinessProbe: {{ include "observability-stack.webHandler" (merge (dict "path" "/-/ready") $web) }}
volumes:
  {{- include "observability-stack.webVolume" $web | nindent 2 }}
  - name: config
    mounts: [{mountPath: /etc/alertmanager, readOnly: true}]
    secret: {secretName: {{ $values.existingSecret | default (include "observability-stack.componentName" (dict "root" . "component" "alertmanager")) | quote }}}
  - name: data
    mounts: [{mountPath: /alertmanager}]
    {{- include "observability-stack.dataVolume" (dict "root" . "component" "alertmanager") | nindent 4 }}
{{- end -}}
