{{- define "observability-stack.eventsContainer" -}}
{{- $values := .Values.events -}}
command:
  - /fluent-bit/bin/fluent-bit
args:
  - --config
  - /etc/events/fluent-bit.yaml
env:
  {{- include "observability-stack.outputPart" (dict "root" . "component" "events" "part" "Env") | nindent 2 }}
  {{- with $values.extraEnv }}{{ toYaml . | nindent 2 }}{{ end }}
ports:
  - name: http
    containerPort: 2020
{{ include "observability-stack.httpProbes" (dict "values" $values "paths" (dict "livenessProbe" "/" "readinessProbe" "/api/v1/health")) | trim }}
volumeMounts:
  - name: config
    mountPath: /etc/events
    readOnly: true
  - name: state
    mountPath: {{ include "observability-stack.stateDir" . }}
  {{- with include "observability-stack.outputPart" (dict "root" . "component" "events" "part" "Mounts") }}{{ . | nindent 2 }}{{ end }}
  {{- with $values.extraVolumeMounts }}{{ toYaml . | nindent 2 }}{{ end }}
{{- end -}}

{{- define "observability-stack.eventsVolumes" -}}
{{- $values := .Values.events -}}
{{- $name := include "observability-stack.componentName" (dict "root" . "component" "events") -}}
- name: config
  configMap:
    name: {{ $name | quote }}
{{ include "observability-stack.dataVolume" (dict "name" "state" "persistence" $values.persistence "claim" (ternary $name "" (eq $values.persistence.type "persistentVolumeClaim"))) }}
{{- with include "observability-stack.outputPart" (dict "root" . "component" "events" "part" "Volumes") }}{{ . | nindent 0 }}{{ end }}
{{- with $values.extraVolumes }}{{ toYaml . | nindent 0 }}{{ end }}
{{- end -}}
