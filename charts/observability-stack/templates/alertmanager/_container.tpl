{{- define "observability-stack.alertmanagerConfig" -}}
{{- dict "alertmanager.yml" (toYaml .Values.alertmanager.config) | toYaml -}}
{{- end -}}

{{- define "observability-stack.alertmanagerContainer" -}}
{{- $values := .Values.alertmanager -}}
args:
  - --config.file=/etc/alertmanager/alertmanager.yml
  - --storage.path=/alertmanager
  - --data.retention={{ $values.retention }}
  - --web.listen-address=:{{ $values.service.port | int }}
  # Disable clustering: there is one replica.
  - --cluster.listen-address=
  {{- with $values.extraArgs }}{{ toYaml . | nindent 2 }}{{ end }}
ports:
  - name: http
    containerPort: {{ $values.service.port | int }}
{{ include "observability-stack.httpProbes" (dict "values" $values "paths" (dict "livenessProbe" "/-/healthy" "readinessProbe" "/-/ready")) | trim }}
volumeMounts:
  - name: config
    mountPath: /etc/alertmanager
    readOnly: true
  - name: data
    mountPath: /alertmanager
  {{- with $values.extraVolumeMounts }}{{ toYaml . | nindent 2 }}{{ end }}
{{- end -}}

{{- define "observability-stack.alertmanagerVolumes" -}}
{{- $values := .Values.alertmanager -}}
{{- $name := include "observability-stack.componentName" (dict "root" . "component" "alertmanager") -}}
- name: config
  {{- if $values.existingSecret }}
  secret:
    secretName: {{ $values.existingSecret | quote }}
  {{- else }}
  configMap:
    name: {{ $name | quote }}
  {{- end }}
{{ include "observability-stack.dataVolume" (dict "persistence" $values.persistence "claim" (ternary $name "" (eq $values.persistence.type "persistentVolumeClaim"))) }}
{{- with $values.extraVolumes }}{{ toYaml . | nindent 0 }}{{ end }}
{{- end -}}
