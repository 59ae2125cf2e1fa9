{{- define "observability-stack.eventsPod" -}}
{{- $given := dict "root" . "component" "events" -}}
annotations:
  checksum/config: {{ include "observability-stack.eventsConfig" . | sha256sum }}
  prometheus.io/scrape: "true"
  prometheus.io/port: "2020"
  prometheus.io/path: /api/v2/metrics/prometheus
token: true
command: [/fluent-bit/bin/fluent-bit]
args: [--config, /etc/events/fluent-bit.yaml]
env:
  {{- include "observability-stack.outputEnvironment" $given | nindent 2 }}
ports:
  - {name: http, containerPort: 2020}
handlers:
  livenessProbe: {httpGet: {path: /, port: http}}
  readinessProbe: {httpGet: {path: /api/v1/health, port: http}}
volumes:
  - name: config
    mounts: [{mountPath: /etc/events, readOnly: true}]
    configMap: {name: {{ include "observability-stack.componentName" $given | quote }}}
  - name: state
    mounts: [{mountPath: {{ include "observability-stack.stateDir" . }}}]
    {{- include "observability-stack.dataVolume" $given | nindent 4 }}
  {{- include "observability-stack.outputCertificates" $given | nindent 2 }}
{{- end -}}
