{{/* Host directory of read positions and buffers, separate for each release. */}}
{{- define "observability-stack.logsStatePath" -}}
{{- default (printf "/var/lib/observability-stack/%s" (include "observability-stack.clusterWideComponentName" (dict "root" . "component" "logs"))) .Values.logs.state.hostPath -}}
{{- end -}}

{{/* Values of the pods, as JSON; fluentd has its own image and resources. */}}
{{- define "observability-stack.logsValues" -}}
{{- $own := ternary (pick .Values.logs.fluentd "image" "resources") dict (eq .Values.logs.engine "fluentd") -}}
{{- merge (deepCopy $own) .Values.logs | toJson -}}
{{- end -}}

{{- define "observability-stack.logsConfig" -}}
{{- include (ternary "observability-stack.fluentdConfig" "observability-stack.fluentBitConfig" (eq .Values.logs.engine "fluentd")) . -}}
{{- end -}}

{{- define "observability-stack.logsData" -}}
{{- $file := ternary "fluent.conf" "fluent-bit.yaml" (eq .Values.logs.engine "fluentd") -}}
{{- $data := dict $file (printf "%s\n" (include "observability-stack.logsConfig" .)) -}}
{{- if include "observability-stack.addsEntity" . }}{{ $_ := set $data "services.map" "{}" }}{{ end -}}
{{- toYaml $data -}}
{{- end -}}

{{- define "observability-stack.logsPod" -}}
{{- $logs := .Values.logs -}}
{{- $given := dict "root" . "component" "logs" -}}
{{- $name := include "observability-stack.componentName" $given -}}
{{- $fluentd := eq $logs.engine "fluentd" -}}
{{- /* The scrape job `pods` of Prometheus discovers the agent by its annotations. */ -}}
annotations:
  prometheus.io/scrape: "true"
  prometheus.io/port: {{ $logs.httpServer.port | quote }}
  prometheus.io/path: {{ ternary "/metrics" "/api/v2/metrics/prometheus" $fluentd }}
  checksum/config: {{ include "observability-stack.logsConfig" . | sha256sum }}
ports:
  - {name: http, containerPort: {{ $logs.httpServer.port | int }}}
{{- if semverCompare ">=1.30.0-0" .Capabilities.KubeVersion.Version }}
# At SIGTERM the agent stops reading: before that, it reads what the node's pods wrote at their end.
lifecycle: {preStop: {sleep: {seconds: 5}}}
{{- end }}
{{- if $fluentd }}
env:
  {{- include "observability-stack.fluentdEnv" . | nindent 2 }}
handlers:
  livenessProbe: {httpGet: {path: /metrics, port: http}}
  readinessProbe: {httpGet: {path: /metrics, port: http}}
{{- else }}
token: {{ ne $logs.metadata.from "tag" }}
command: [/fluent-bit/bin/fluent-bit]
args: [--config=/etc/fluent-bit/fluent-bit.yaml]
env:
  {{- include "observability-stack.outputEnvironment" $given | nindent 2 }}
  - {name: NODE_IP, valueFrom: {fieldRef: {fieldPath: status.hostIP}}}
  {{- if include "observability-stack.addsEntity" . }}
  - {name: CLUSTER_NAME, value: {{ .Values.cluster.name | quote }}}
  {{- end }}
handlers:
  livenessProbe: {httpGet: {path: /, port: http}}
  readinessProbe: {httpGet: {path: /api/v1/health, port: http}}
{{- end }}
volumes:
  - name: config
    mounts: [{{ ternary "{mountPath: /fluentd/etc/fluent.conf, subPath: fluent.conf, readOnly: true}" "{mountPath: /etc/fluent-bit, readOnly: true}" $fluentd }}]
    configMap: {name: {{ ternary $logs.fluentd.configMap.name $name $fluentd | quote }}}
  - name: state
    mounts: [{mountPath: {{ include (ternary "observability-stack.fluentdStateDir" "observability-stack.stateDir" $fluentd) . }}}]
    hostPath: {path: {{ include "observability-stack.logsStatePath" . | quote }}, type: DirectoryOrCreate}
  # HostToContainer includes file systems that the host mounts below, also later.
  - name: logs
    mounts: [{mountPath: /var/log, readOnly: true, mountPropagation: HostToContainer}]
    hostPath: {path: /var/log}
  {{- if include "observability-stack.readsJournal" . }}
  # Fluent Bit does not start without the directory.
  - name: journal
    mounts: [{mountPath: {{ $logs.journalPath | quote }}, readOnly: true}]
    hostPath: {path: {{ $logs.journalPath | quote }}, type: DirectoryOrCreate}
  {{- end }}
  {{- if $fluentd }}
  - {name: tmp, mounts: [{mountPath: /tmp}], emptyDir: {sizeLimit: 64Mi}}
  {{- end }}
  {{- include "observability-stack.outputCertificates" $given | nindent 2 }}
{{- end -}}
