{{/*
Fluent Bit's configuration: one set of data, written as YAML, or in the classic format for the legacy profile.
Every input has a tag of its own: application.* for containers, events.* for the event log, services.* for services.
*/}}

{{- define "fluent-bit-windows.containersDir" -}}
C:\var\log\containers
{{- end -}}

{{/* The tag is the path with points for what parts it; the file's name begins behind this. */}}
{{- define "fluent-bit-windows.tagPrefix" -}}
application.C.var.log.containers.
{{- end -}}

{{/* Paths of the container logs of namespaces, <pod>_<namespace>_<container>-<id>.log: dict "namespaces" <list>. */}}
{{- define "fluent-bit-windows.namespacePaths" -}}
{{- $paths := list -}}
{{- range .namespaces -}}
{{- $paths = append $paths (printf "%s\\*_%s_*.log" (include "fluent-bit-windows.containersDir" $) .) -}}
{{- end -}}
{{- join "," $paths -}}
{{- end -}}

{{- define "fluent-bit-windows.readFromHead" -}}
{{- $given := include "fluent-bit-windows.given" (dict "root" . "setting" "readFromHead") -}}
{{- $given | default (eq .Values.readFrom "head" | toString) -}}
{{- end -}}

{{/* What every tail input has: dict "root" $ "name" <of its positions>. */}}
{{- define "fluent-bit-windows.tail" -}}
{{- $values := .root.Values -}}
name: tail
alias: {{ .name }}
db: {{ printf "%s\\%s.db" (include "fluent-bit-windows.stateDir" .root) .name | quote }}
db.locking: true
read_from_head: {{ include "fluent-bit-windows.readFromHead" .root }}
refresh_interval: {{ $values.inputs.containerLogs.refreshSeconds | int }}
rotate_wait: {{ $values.inputs.containerLogs.rotateWaitSeconds | int }}
buffer_max_size: {{ $values.inputs.containerLogs.maxLineSize | quote }}
skip_long_lines: true
{{- include "fluent-bit-windows.buffer" .root }}
{{- end -}}

{{/* Where records wait, for any input. */}}
{{- define "fluent-bit-windows.buffer" }}
{{- if eq .Values.buffer.type "filesystem" }}
storage.type: filesystem
storage.pause_on_chunks_overlimit: true
{{- else }}
mem_buf_limit: {{ .Values.buffer.memoryLimit | quote }}
{{- end }}
{{- end -}}

{{- define "fluent-bit-windows.containersInput" -}}
{{- $namespaces := .Values.inputs.containerLogs.namespaces -}}
{{- include "fluent-bit-windows.tail" (dict "root" . "name" "containers") }}
tag: application.*
path: {{ include "fluent-bit-windows.namespacePaths" (dict "namespaces" ($namespaces.include | default (list "*"))) | replace "*_*_*" "*" | quote }}
{{- with $namespaces.exclude }}
exclude_path: {{ include "fluent-bit-windows.namespacePaths" (dict "namespaces" .) | quote }}
{{- end }}
multiline.parser: docker, cri
{{- end -}}

{{/* An input of the event log: dict "root" $ "name" <of its positions> "tag" <tag> "channels" <list> "query" <text>. */}}
{{- define "fluent-bit-windows.eventsInput" -}}
name: winevtlog
alias: {{ .name }}
tag: {{ .tag }}
channels: {{ join "," .channels | quote }}
db: {{ printf "%s\\%s.db" (include "fluent-bit-windows.stateDir" .root) .name | quote }}
interval_sec: {{ .root.Values.inputs.eventLog.intervalSeconds | int }}
read_existing_events: {{ include "fluent-bit-windows.readFromHead" .root }}
{{- if not (include "fluent-bit-windows.isLegacy" .root) }}
event_query: {{ .query | quote }}
# A channel that a node has not would keep the agent from starting.
ignore_missing_channels: true
{{- end }}
{{- include "fluent-bit-windows.buffer" .root }}
{{- end -}}

{{- define "fluent-bit-windows.servicesInput" -}}
{{- $paths := list -}}
{{- range .Values.inputs.services.directories -}}
{{- $paths = append $paths (printf "%s\\*.log" .) -}}
{{- end -}}
{{- include "fluent-bit-windows.tail" (dict "root" . "name" "services") }}
tag: services.files.*
path: {{ join "," $paths | quote }}
path_key: file
{{- end -}}

{{- define "fluent-bit-windows.inputs" -}}
{{- $inputs := .Values.inputs -}}
{{- $made := list -}}
{{- if $inputs.containerLogs.enabled -}}
{{- $made = append $made (include "fluent-bit-windows.containersInput" . | fromYaml) -}}
{{- end -}}
{{- if $inputs.eventLog.enabled -}}
{{- $events := dict "root" . "name" "events" "tag" "events.host" "channels" $inputs.eventLog.channels "query" $inputs.eventLog.query -}}
{{- $made = append $made (include "fluent-bit-windows.eventsInput" $events | fromYaml) -}}
{{- end -}}
{{- if and $inputs.services.enabled $inputs.services.directories -}}
{{- $made = append $made (include "fluent-bit-windows.servicesInput" . | fromYaml) -}}
{{- end -}}
{{- if and $inputs.services.enabled $inputs.services.channels -}}
{{- $events := dict "root" . "name" "services-events" "tag" "services.events" "channels" $inputs.services.channels "query" "*" -}}
{{- $made = append $made (include "fluent-bit-windows.eventsInput" $events | fromYaml) -}}
{{- end -}}
{{- $made | toJson -}}
{{- end -}}

{{/* A host process has no DNS of the cluster: a name would hold its start up for three minutes. */}}
{{- define "fluent-bit-windows.kubernetesFilter" -}}
{{- $secrets := printf "%s\\var\\run\\secrets\\kubernetes.io\\serviceaccount" (include "fluent-bit-windows.drive" .) -}}
name: kubernetes
alias: metadata
match: application.*
kube_tag_prefix: {{ include "fluent-bit-windows.tagPrefix" . }}
merge_log: {{ .Values.inputs.containerLogs.parseJson }}
keep_log: true
{{- if eq .Values.metadata "tag" }}
use_tag_for_meta: true
labels: false
annotations: false
{{- else }}
kube_url: {{ ternary "https://${KUBERNETES_SERVICE_HOST}:443" "https://kubernetes.default.svc.cluster.local:443" (eq .Values.mode "hostProcess") | quote }}
kube_ca_file: {{ printf "%s\\ca.crt" $secrets | quote }}
kube_token_file: {{ printf "%s\\token" $secrets | quote }}
# 0 is no limit: the metadata of a large pod would be dropped otherwise.
buffer_size: 0
labels: true
annotations: false
{{- if eq .Values.metadata "kubelet" }}
use_kubelet: true
kubelet_host: 127.0.0.1
kubelet_port: 10250
{{- end }}
{{- end }}
{{- end -}}

{{- define "fluent-bit-windows.filters" -}}
{{- $logs := .Values.inputs.containerLogs -}}
{{- $made := list -}}
{{- if $logs.enabled -}}
{{- with $logs.multiline -}}
{{- $made = append $made (dict
  "name" "multiline"
  "alias" "records"
  "match" "application.*"
  "multiline.key_content" "log"
  "multiline.parser" (join "," .)
  "mode" "parser"
  "buffer" true
  "flush_ms" 1000
  "emitter_name" "records"
) -}}
{{- end -}}
{{- /* What containerd says about a line being whole; the parser has joined the parts. */}}
{{- $made = append $made (dict "name" "record_modifier" "alias" "parts" "match" "application.*" "remove_key" "_p") -}}
{{- $made = append $made (include "fluent-bit-windows.kubernetesFilter" . | fromYaml) -}}
{{- end -}}
{{- concat $made .Values.extraFilters | toJson -}}
{{- end -}}

{{- define "fluent-bit-windows.service" -}}
{{- $server := include "fluent-bit-windows.given" (dict "root" . "setting" "httpServer") -}}
{{- $port := include "fluent-bit-windows.given" (dict "root" . "setting" "httpPort") -}}
{{- $service := dict
  "flush" .Values.flushSeconds
  "grace" 5
  "log_level" .Values.logLevel
  "http_server" (default true $server)
  "http_listen" .Values.http.listen
  "http_port" (default (int .Values.http.port) $port)
  "health_check" true
  "hc_errors_count" (int .Values.health.errors)
  "hc_retry_failure_count" (int .Values.health.retryFailures)
  "hc_period" (int .Values.health.periodSeconds)
-}}
{{- if eq .Values.buffer.type "filesystem" -}}
{{- $_ := set $service "storage.path" (printf "%s\\chunks" (include "fluent-bit-windows.stateDir" .)) -}}
{{- $_ := set $service "storage.max_chunks_up" (int .Values.buffer.maxChunksUp) -}}
{{- $_ := set $service "storage.metrics" true -}}
{{- end -}}
{{- $service | toJson -}}
{{- end -}}

{{/* The whole configuration, as JSON. */}}
{{- define "fluent-bit-windows.config" -}}
{{- $pipeline := dict
  "inputs" (include "fluent-bit-windows.inputs" . | fromJsonArray)
  "outputs" (include "fluent-bit-windows.fluentBitOutputs" . | fromJsonArray)
-}}
{{- with include "fluent-bit-windows.filters" . | fromJsonArray -}}
{{- $_ := set $pipeline "filters" . -}}
{{- end -}}
{{- dict "service" (include "fluent-bit-windows.service" . | fromJson) "pipeline" $pipeline | toJson -}}
{{- end -}}

{{/* One section of the classic format: dict "kind" <INPUT> "options" <map>. No option can hold a line break. */}}
{{- define "fluent-bit-windows.section" -}}
{{- $options := .options -}}
[{{ .kind }}]
{{- range $name := ternary (prepend (keys (omit $options "name") | sortAlpha) "name") (keys $options | sortAlpha) (hasKey $options "name") }}
{{- $value := get $options $name }}
    {{ $name }} {{ kindIs "bool" $value | ternary (ternary "On" "Off" (eq (toString $value) "true")) (toString $value) }}
{{- end }}
{{ end -}}

{{- define "fluent-bit-windows.classic" -}}
{{- $config := include "fluent-bit-windows.config" . | fromJson -}}
{{- include "fluent-bit-windows.section" (dict "kind" "SERVICE" "options" $config.service) }}
{{- range $kind := list "inputs" "filters" "outputs" }}
{{- range get $config.pipeline $kind }}
{{ include "fluent-bit-windows.section" (dict "kind" ($kind | trimSuffix "s" | upper) "options" .) }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "fluent-bit-windows.configData" -}}
{{- if include "fluent-bit-windows.isLegacy" . -}}
fluent-bit.conf: |
  {{- include "fluent-bit-windows.classic" . | nindent 2 }}
{{- else -}}
fluent-bit.yaml: |
  {{- include "fluent-bit-windows.config" . | fromJson | toYaml | nindent 2 }}
{{- end }}
{{- end -}}
