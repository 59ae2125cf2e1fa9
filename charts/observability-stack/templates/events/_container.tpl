{{- define "observability-stack.eventsContainer" -}}
{{- $values := .Values.events -}}
command:
  - /fluent-bit/bin/fluent-bit
args:
  - --config
  - /etc/events/fluent-bit.yaml
{{- $env := concat (include "observability-stack.fluentBitCommon.env" .Values.logs.output | fromYamlArray) $values.extraEnv }}
{{- with $env }}
env:
  {{- toYaml . | nindent 2 }}
{{- end }}
ports:
  - name: http
    containerPort: 2020
{{ include "observability-stack.httpProbes" (dict "values" $values "paths" (dict "livenessProbe" "/" "readinessProbe" "/api/v1/health")) | trim }}
volumeMounts:
  - name: config
    mountPath: /etc/events
    readOnly: true
  - name: state
    mountPath: {{ include "observability-stack.eventsState" . }}
  {{- with $values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{- define "observability-stack.eventsVolumes" -}}
{{- $values := .Values.events -}}
{{- $name := include "observability-stack.componentName" (dict "root" . "component" "events") -}}
- name: config
  configMap:
    name: {{ $name | quote }}
- name: state
  {{- if eq $values.persistence.type "claim" }}
  persistentVolumeClaim:
    claimName: {{ $name | quote }}
  {{- else }}
  emptyDir:
    sizeLimit: {{ $values.persistence.emptyDirSize | quote }}
  {{- end }}
{{- with $values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}
