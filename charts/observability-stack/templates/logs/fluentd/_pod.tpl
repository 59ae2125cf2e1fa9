{{/* The pod of fluentd on a node. */}}

{{/* The block `logs` with the image and resources of fluentd, as JSON. */}}
{{- define "observability-stack.fluentdValues" -}}
{{- merge (dict "image" .Values.logs.fluentd.image "resources" .Values.logs.fluentd.resources) (omit .Values.logs "image" "resources") | toJson -}}
{{- end -}}

{{/* The names are those of the article, which the image's own configuration has too. */}}
{{- define "observability-stack.fluentdEnv" -}}
{{- $values := .Values.logs -}}
{{- $output := $values.output -}}
{{- $prefix := include "observability-stack.fluentdVariables" . -}}
{{- $backend := get $output $output.type -}}
- name: HOST_NAME
  valueFrom:
    fieldRef:
      fieldPath: spec.nodeName
- name: {{ $prefix }}_HOST
  value: {{ $backend.host | quote }}
- name: {{ $prefix }}_PORT
  value: {{ $backend.port | int | quote }}
- name: {{ $prefix }}_SCHEME
  value: {{ ternary "https" "http" (or (eq $output.type "opensearch") (eq (toString $backend.tls) "true")) }}
{{- if $output.secret.name }}
- name: {{ $prefix }}_USER
  {{- if $values.fluentd.user }}
  value: {{ $values.fluentd.user | quote }}
  {{- else }}
  valueFrom:
    secretKeyRef:
      name: {{ $output.secret.name | quote }}
      key: {{ $output.secret.userKey | quote }}
  {{- end }}
- name: {{ $prefix }}_PASSWORD
  valueFrom:
    secretKeyRef:
      name: {{ $output.secret.name | quote }}
      key: {{ $output.secret.passwordKey | quote }}
{{- end }}
# The image's start script would change the configuration, which is read-only.
- name: {{ $prefix }}_SED_DISABLE
  value: "true"
{{- if $values.fluentd.configMap.create }}
- name: FLUENTD_OPT
  value: --config-file-type yaml
{{- end }}
{{- end -}}

{{- define "observability-stack.fluentdContainer" -}}
{{- $values := .Values.logs -}}
env:
  {{- include "observability-stack.fluentdEnv" . | nindent 2 }}
  {{- with $values.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with $values.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
ports:
  - name: http
    containerPort: {{ $values.fluentd.port | int }}
{{ include "observability-stack.httpProbes" (dict "values" $values "paths" (dict "livenessProbe" "/metrics" "readinessProbe" "/metrics")) | trim }}
volumeMounts:
  - name: config
    mountPath: /fluentd/etc/fluent.conf
    subPath: fluent.conf
    readOnly: true
  - name: state
    mountPath: {{ include "observability-stack.fluentdStateDir" . }}
  - name: logs
    mountPath: /var/log
    readOnly: true
    mountPropagation: HostToContainer
  {{- if include "observability-stack.readsJournal" . }}
  - name: journal
    mountPath: {{ $values.journalPath }}
    readOnly: true
  {{- end }}
  - name: tmp
    mountPath: /tmp
  {{- with $values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{- define "observability-stack.fluentdVolumes" -}}
- name: config
  configMap:
    name: {{ .Values.logs.fluentd.configMap.name | quote }}
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
    type: DirectoryOrCreate
{{- end }}
- name: tmp
  emptyDir:
    sizeLimit: 64Mi
{{- with .Values.logs.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "observability-stack.fluentdAnnotations" -}}
prometheus.io/scrape: "true"
prometheus.io/port: {{ .Values.logs.fluentd.port | quote }}
prometheus.io/path: /metrics
checksum/config: {{ include "observability-stack.fluentdConfig" . | sha256sum }}
{{- end -}}
