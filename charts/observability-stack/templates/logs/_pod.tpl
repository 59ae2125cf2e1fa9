{{/* The pod of Fluent Bit on a node. */}}

{{/* Folder of the node that is the state's: two releases must not share one. */}}
{{- define "observability-stack.logsStatePath" -}}
{{- default (printf "/var/lib/observability-stack/%s-%s" .Release.Namespace (include "observability-stack.componentName" (dict "root" . "component" "logs"))) .Values.logs.state.hostPath -}}
{{- end -}}

{{- define "observability-stack.logsContainer" -}}
{{- $values := .Values.logs -}}
command:
  - /fluent-bit/bin/fluent-bit
args:
  - --config=/etc/fluent-bit/fluent-bit.yaml
env:
  {{- include "observability-stack.logEnv" . | nindent 2 }}
  - name: NODE_IP
    valueFrom:
      fieldRef:
        fieldPath: status.hostIP
  {{- with $values.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with $values.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
ports:
  - name: http
    containerPort: {{ $values.http.port | int }}
{{ include "observability-stack.httpProbes" (dict "values" $values "paths" (dict "livenessProbe" "/" "readinessProbe" "/api/v1/health")) | trim }}
volumeMounts:
  - name: config
    mountPath: /etc/fluent-bit
    readOnly: true
  - name: state
    mountPath: {{ include "observability-stack.logsStateDir" . }}
  - name: logs
    mountPath: /var/log
    readOnly: true
    # Folders that are mounted there later, or already, are seen too.
    mountPropagation: HostToContainer
  {{- if include "observability-stack.readsJournal" . }}
  - name: journal
    mountPath: {{ $values.journalPath }}
    readOnly: true
  {{- end }}
  {{- with $values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{- define "observability-stack.logsVolumes" -}}
- name: config
  configMap:
    name: {{ include "observability-stack.componentName" (dict "root" . "component" "logs") | quote }}
- name: state
  hostPath:
    path: {{ include "observability-stack.logsStatePath" . | quote }}
    type: DirectoryOrCreate
- name: logs
  hostPath:
    path: /var/log
{{- if include "observability-stack.readsJournal" . }}
- name: journal
  hostPath:
    path: {{ .Values.logs.journalPath | quote }}
    # Fluent Bit does not start without it.
    type: DirectoryOrCreate
{{- end }}
{{- with .Values.logs.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* By these Prometheus' job `pods` finds the agent's metrics. */}}
{{- define "observability-stack.logsAnnotations" -}}
prometheus.io/scrape: "true"
prometheus.io/port: {{ .Values.logs.http.port | quote }}
prometheus.io/path: /api/v2/metrics/prometheus
checksum/config: {{ include "observability-stack.fluentBitConfig" . | sha256sum }}
{{- end -}}
