{{/* Values of the pods, as JSON. Several instances prefer different nodes, unless the values set an affinity. */}}
{{- define "observability-stack.serverPodValues" -}}
{{- $server := .Values.server -}}
{{- if include "observability-stack.isVmagent" . }}{{ $server = merge (omit $server "image" "resources") $server.vmagent }}{{ end -}}
{{- if or $server.affinity (le (mul $server.replicas $server.shards) 1) -}}
{{- $server | toJson -}}
{{- else -}}
{{- $term := dict "topologyKey" "kubernetes.io/hostname" "labelSelector" (include "observability-stack.serverSelector" . | fromYaml) -}}
{{- $preferred := dict "preferredDuringSchedulingIgnoredDuringExecution" (list (dict "weight" 100 "podAffinityTerm" $term)) -}}
{{- mergeOverwrite (dict) $server (dict "affinity" (dict "podAntiAffinity" $preferred)) | toJson -}}
{{- end -}}
{{- end -}}

{{/* Argument: dict "root" $ "instance" <item of prometheusInstances>. */}}
{{- define "observability-stack.serverPod" -}}
{{- $server := .root.Values.server -}}
{{- $web := dict "root" .root "component" "server" -}}
{{- $rules := include "observability-stack.evaluatesRules" .root -}}
token: true
{{- if include "observability-stack.isVmagent" .root }}
annotations:
  # It reads the configuration of scrapes again, but not that of remotes.
  checksum/relabeling: {{ include "observability-stack.vmagentRelabeling" .root | sha256sum }}
args:
  {{- include "observability-stack.vmagentArgs" . | nindent 2 }}
{{- else }}
args:
  - --config.file=/etc/prometheus/{{ .instance.file }}
  # No checksum annotation: a restart during an outage would lose the samples that wait for a remote.
  - --config.auto-reload
  - --web.listen-address=:{{ $server.service.port | int }}
  - --log.level={{ $server.logLevel }}
  {{- include "observability-stack.webArgs" $web | nindent 2 }}
  {{- if include "observability-stack.prometheusIsAgent" .root }}
  - --agent
  - --storage.agent.path=/prometheus
  - --storage.agent.retention.max-time={{ $server.wal.maxTime }}
  {{- else }}
  - --storage.tsdb.path=/prometheus
  - --storage.tsdb.retention.time={{ $server.retention.time }}
  {{- with $server.retention.size }}
  - --storage.tsdb.retention.size={{ . }}
  {{- end }}
  {{- end }}
{{- end }}
env:
  {{- include "observability-stack.awsEnv" .root | nindent 2 }}
ports:
  - {name: http, containerPort: {{ $server.service.port | int }}}
handlers:
  startupProbe: {{ include "observability-stack.webHandler" (merge (dict "path" "/-/ready") $web) }}
  livenessProbe: {{ include "observability-stack.webHandler" (merge (dict "path" "/-/healthy") $web) }}
  readinessProbe: {{ include "observability-stack.webHandler" (merge (dict "path" "/-/ready") $web) }}
volumes:
  {{- include "observability-stack.webVolume" $web | nindent 2 }}
  - name: config
    mounts: [{mountPath: /etc/prometheus, readOnly: true}]
    secret: {secretName: {{ include "observability-stack.componentName" (dict "root" .root "component" "server") | quote }}}
  {{- if $rules }}
  - name: rules
    mounts: [{mountPath: /etc/prometheus-rules, readOnly: true}]
    configMap: {name: {{ include "observability-stack.componentName" (dict "root" .root "component" "rules") | quote }}}
  {{- end }}
  - name: data
    mounts: [{mountPath: /prometheus}]
    {{- include "observability-stack.dataVolume" (dict "root" .root "component" .instance.component "owner" "server") | nindent 4 }}
{{- end -}}
