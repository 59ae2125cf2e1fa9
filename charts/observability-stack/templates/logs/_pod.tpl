{{/* Pods of the node agent, Fluent Bit or fluentd. */}}

{{/* Host directory of read positions and buffers, separate for each release. */}}
{{- define "observability-stack.logsStatePath" -}}
{{- default (printf "/var/lib/observability-stack/%s" (include "observability-stack.clusterWideComponentName" (dict "root" . "component" "logs"))) .Values.logs.state.hostPath -}}
{{- end -}}

{{/* Values of the pods, as JSON: `logs`, for fluentd with its image and resources. */}}
{{- define "observability-stack.logsValues" -}}
{{- $own := ternary (pick .Values.logs.fluentd "image" "resources") dict (eq .Values.logs.engine "fluentd") -}}
{{- merge (deepCopy $own) .Values.logs | toJson -}}
{{- end -}}

{{- define "observability-stack.logsContainer" -}}
{{- $values := .Values.logs -}}
{{- $fluentd := include "observability-stack.logsByFluentd" . -}}
{{- if not $fluentd -}}
command:
  - /fluent-bit/bin/fluent-bit
args:
  - --config=/etc/fluent-bit/fluent-bit.yaml
{{ end -}}
env:
  {{- if $fluentd }}
  {{- include "observability-stack.fluentdEnv" . | nindent 2 }}
  {{- else }}
  {{- include "observability-stack.outputPart" (dict "root" . "component" "logs" "part" "Env") | nindent 2 }}
  {{- include "observability-stack.fieldEnv" (list "NODE_IP status.hostIP") | trim | nindent 2 }}
  {{- end }}
  {{- with $values.extraEnv }}{{ toYaml . | nindent 2 }}{{ end }}
{{- with $values.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
ports:
  - name: http
    containerPort: {{ $values.httpServer.port | int }}
{{- $paths := ternary (dict "livenessProbe" "/metrics" "readinessProbe" "/metrics") (dict "livenessProbe" "/" "readinessProbe" "/api/v1/health") (ne $fluentd "") }}
{{ include "observability-stack.httpProbes" (dict "values" $values "paths" $paths) | trim }}
volumeMounts:
  - name: config
    {{- if $fluentd }}
    mountPath: /fluentd/etc/fluent.conf
    subPath: fluent.conf
    {{- else }}
    mountPath: /etc/fluent-bit
    {{- end }}
    readOnly: true
  - name: state
    mountPath: {{ include (ternary "observability-stack.fluentdStateDir" "observability-stack.stateDir" (ne $fluentd "")) . }}
  - name: logs
    mountPath: /var/log
    readOnly: true
    # Include file systems that the host mounts below, also later.
    mountPropagation: HostToContainer
  {{- if include "observability-stack.readsJournal" . }}
  - name: journal
    mountPath: {{ $values.journalPath }}
    readOnly: true
  {{- end }}
  {{- if $fluentd }}
  - name: tmp
    mountPath: /tmp
  {{- end }}
  {{- with include "observability-stack.outputPart" (dict "root" . "component" "logs" "part" "Mounts") }}{{ . | nindent 2 }}{{ end }}
  {{- with $values.extraVolumeMounts }}{{ toYaml . | nindent 2 }}{{ end }}
{{- end -}}

{{- define "observability-stack.logsVolumes" -}}
{{- $fluentd := include "observability-stack.logsByFluentd" . -}}
- name: config
  configMap:
    name: {{ ternary .Values.logs.fluentd.configMap.name (include "observability-stack.componentName" (dict "root" . "component" "logs")) (ne $fluentd "") | quote }}
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
{{- if $fluentd }}
- name: tmp
  emptyDir:
    sizeLimit: 64Mi
{{- end }}
{{- with include "observability-stack.outputPart" (dict "root" . "component" "logs" "part" "Volumes") }}{{ . | nindent 0 }}{{ end }}
{{- with .Values.logs.extraVolumes }}{{ toYaml . | nindent 0 }}{{ end }}
{{- end -}}

{{/* Annotations: the scrape job `pods` of Prometheus discovers the agent by them. */}}
{{- define "observability-stack.logsAnnotations" -}}
{{- $fluentd := include "observability-stack.logsByFluentd" . -}}
prometheus.io/scrape: "true"
prometheus.io/port: {{ .Values.logs.httpServer.port | quote }}
prometheus.io/path: {{ ternary "/metrics" "/api/v2/metrics/prometheus" (ne $fluentd "") }}
checksum/config: {{ include (ternary "observability-stack.fluentdConfig" "observability-stack.fluentBitConfig" (ne $fluentd "")) . | sha256sum }}
{{- end -}}
