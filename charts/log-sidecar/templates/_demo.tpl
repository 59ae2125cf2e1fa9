{{/* The demo application: what it reads, and how it sends its lines to a backend itself. */}}

{{/* Environment that the demo reads, as list of environment variables. */}}
{{- define "log-sidecar.demoEnv" -}}
{{- $demo := .Values.app.demo -}}
{{- if include "log-sidecar.demoShips" . -}}
- name: SHIP
  value: /opt/demo/ship.json
- name: SHIP_GRACE_SECONDS
  value: {{ .Values.output.graceSeconds | int | quote }}
{{ (include "log-sidecar.backendEnv" (dict "root" .) | fromYaml).env | toYaml }}
{{ end -}}
{{- $traces := $demo.traces }}
{{- if ne $traces.protocol "none" }}
{{- $xray := eq $traces.protocol "xray" }}
- name: TRACES
  value: {{ $traces.protocol | quote }}
- name: {{ ternary "AWS_XRAY_DAEMON_ADDRESS" "OTEL_EXPORTER_OTLP_ENDPOINT" $xray }}
  value: {{ $traces.endpoint | quote }}
- name: {{ ternary "AWS_XRAY_TRACING_NAME" "OTEL_SERVICE_NAME" $xray }}
  value: {{ default (include "log-sidecar.fullname" .) $traces.service | quote }}
{{- with $traces.logGroup }}
- name: TRACES_LOG_GROUP
  value: {{ . | quote }}
{{- end }}
{{- end }}
- name: LOG_FILE
  value: {{ (first .Values.logs.files).path | quote }}
- name: LOG_ROTATE_BYTES
  value: {{ $demo.rotateBytes | int64 | quote }}
- name: LOG_ROTATE_KEEP
  value: {{ $demo.rotateKeep | int | quote }}
{{- if include "log-sidecar.runsToEnd" . }}
- name: LINES
  value: {{ $demo.jobLines | int64 | quote }}
{{- else }}
- name: LINES_PER_REQUEST
  value: {{ $demo.linesPerRequest | int | quote }}
- name: PORT
  value: {{ (first .Values.app.ports).containerPort | int | quote }}
{{- end }}
{{- end -}}

{{/* Whether the demo sends its lines to the backend of `output` itself. */}}
{{- define "log-sidecar.demoShips" -}}
{{- if and (include "log-sidecar.hasDemo" .) (eq .Values.app.demo.logTo "backend") }}true{{ end -}}
{{- end -}}

{{/* Where to: what files/demo/ship.py documents; returns JSON. Variables of the environment stand for what is secret. */}}
{{- define "log-sidecar.demoShipSettings" -}}
{{- $output := .Values.output -}}
{{- $block := get $output $output.type -}}
{{- $bulk := has $output.type (list "elasticsearch" "opensearch") -}}
{{- $tls := $block.tls | default (dict "enabled" true "verify" true) -}}
{{- $url := "${OUTPUT_URL}" -}}
{{- if not (and $block.url $block.url.name) -}}
{{- $path := ternary (printf "%s/_bulk" (trimSuffix "/" $block.path)) $block.path $bulk -}}
{{- $url = printf "%s://%s:%d%s" (ternary "https" "http" $tls.enabled) $block.host (int $block.port) $path -}}
{{- end -}}
{{- $names := dict "root" . "sidecar" (dict "container" .Values.app.name) -}}
{{- $headers := dict -}}
{{- range $header, $text := $block.headers -}}{{- $_ := set $headers $header $text -}}{{- end -}}
{{- range $header, $_ := $block.secretHeaders -}}
{{- $_ := set $headers $header (printf "${%s}" (include "log-sidecar.headerVariable" $header)) -}}
{{- end -}}
{{- if eq $output.type "sumologic" -}}
{{- range $header, $text := dict "X-Sumo-Category" $block.sourceCategory "X-Sumo-Host" $block.sourceHost "X-Sumo-Name" $block.sourceName -}}
{{- if $text -}}
{{- $_ := set $headers $header (include "log-sidecar.outputName" (merge (dict "text" $text) $names)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $index := "" -}}
{{- $day := "" -}}
{{- if $bulk -}}
{{- $day = ternary $block.logstash.dateFormat "" $block.logstash.enabled -}}
{{- $index = include "log-sidecar.outputName" (merge (dict "text" (ternary $block.logstash.prefix $block.index $block.logstash.enabled)) $names) -}}
{{- end -}}
{{- $fields := dict "namespace" "${OUTPUT_NAMESPACE}" "node" "${OUTPUT_NODE}" "pod" "${OUTPUT_POD}" "container" .Values.app.name -}}
{{- $retries := ternary nil $output.retries (eq (toString $output.retries) "no_limits") -}}
{{- $ca := ternary "/etc/log-sidecar-ca/ca.crt" "" (gt (len (include "log-sidecar.backendVolumes" (dict "root" .) | fromYaml).volumes) 0) -}}
{{- dict
  "type" $output.type
  "url" $url
  "format" ($block.format | default "json_lines")
  "headers" $headers
  "index" $index
  "day" $day
  "fields" (mergeOverwrite (dict) $output.labels $fields)
  "verify" $tls.verify
  "ca" $ca
  "login" (ternary (ne (dig "username" "name" "" $block) "") false (hasKey $block "username"))
  "queueLines" (int .Values.app.demo.queueLines)
  "retries" $retries
  "flushSeconds" $output.flushSeconds
| toPrettyJson -}}
{{- end -}}

{{/* What the demo's ConfigMap holds besides, as YAML map; nothing for a demo that writes a file and no traces. */}}
{{- define "log-sidecar.demoData" -}}
{{- $data := dict -}}
{{- if include "log-sidecar.demoShips" . -}}
{{- $data = dict "ship.py" (.Files.Get "files/demo/ship.py") "ship.json" (include "log-sidecar.demoShipSettings" .) -}}
{{- end -}}
{{- if ne .Values.app.demo.traces.protocol "none" -}}
{{- $_ := set $data "tracer.py" (.Files.Get "files/demo/tracer.py") -}}
{{- end -}}
{{- if $data }}{{ toYaml $data }}{{ end -}}
{{- end -}}

{{/* Where traces go has to be written as the protocol wants it. */}}
{{- define "log-sidecar.checkTraces" -}}
{{- $traces := .Values.app.demo.traces }}
{{- if include "log-sidecar.hasDemo" . }}
{{- if and (eq $traces.protocol "xray") (not (regexMatch "^[^/]+:[0-9]+$" $traces.endpoint)) }}
app.demo.traces.protocol is xray, and app.demo.traces.endpoint is {{ $traces.endpoint | quote }}: it has to be a host and a port. Write for example:
app:
  demo:
    traces:
      endpoint: xray-service.prometheus:2000{{ "\f" }}
{{- end }}
{{- if and (eq $traces.protocol "otlp") (not (regexMatch "^https?://" $traces.endpoint)) }}
app.demo.traces.protocol is otlp, and app.demo.traces.endpoint is {{ $traces.endpoint | quote }}: it has to begin with http:// or https://. Write for example:
app:
  demo:
    traces:
      endpoint: http://xray-service.prometheus:4318{{ "\f" }}
{{- end }}
{{- end }}
{{- end -}}

{{/* What sending by itself needs, and what only Fluent Bit can do. */}}
{{- define "log-sidecar.checkShip" -}}
{{- if include "log-sidecar.demoShips" . }}
{{- $output := .Values.output }}
{{- if .Values.sidecar.enabled }}
app.demo.logTo is backend, and the sidecar would wait for files that nobody writes. Write:
sidecar:
  enabled: false{{ "\f" }}
{{- else if ne .Values.sidecar.engine "fluent-bit" }}
app.demo.logTo is backend, and output is read as for the engine fluent-bit. Write:
sidecar:
  enabled: false
  engine: fluent-bit{{ "\f" }}
{{- end }}
{{- if has $output.type (list "stdout" "cloudwatch" "forward") }}
app.demo.logTo is backend, and the demo cannot send to {{ $output.type }}, only over HTTP. Write for example:
output:
  type: http
  http:
    host: logs.example.com{{ "\f" }}
{{- else }}
{{- include "log-sidecar.checkOutputAddress" . }}
{{- include "log-sidecar.checkOutputLogin" . }}
{{- if dig "aws" "enabled" false (get $output $output.type) }}
app.demo.logTo is backend, and the demo cannot sign requests (SigV4). Write:
output:
  opensearch:
    aws:
      enabled: false{{ "\f" }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}
