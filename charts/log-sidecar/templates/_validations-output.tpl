{{/* What the schema cannot say about `output`, and about rules for records; messages as in _validations.tpl. */}}

{{- define "log-sidecar.checkOutput" -}}
{{- $sidecar := .Values.sidecar -}}
{{- $output := .Values.output -}}
{{- if and $sidecar.enabled (eq $sidecar.engine "tail") (ne $output.type "stdout") }}
output.type is {{ $output.type }}, and the tail engine only writes to stdout. Write:
sidecar:
  engine: fluent-bit{{ "\f" }}
{{- end }}
{{- if and $sidecar.enabled (include "log-sidecar.hasBackend" (dict "root" .)) }}
{{- include "log-sidecar.checkOutputAddress" . }}
{{- include "log-sidecar.checkOutputLogin" . }}
{{- include "log-sidecar.checkOutputBuffer" . }}
{{- include "log-sidecar.checkOutputLabels" . }}
{{- end }}
{{- end -}}

{{/* Where the backend is. */}}
{{- define "log-sidecar.checkOutputAddress" -}}
{{- $output := .Values.output -}}
{{- $block := get $output $output.type -}}
{{- $hosts := dict "elasticsearch" "logs-es-http.elastic.svc" "opensearch" "vpc-logs-abc.eu-west-1.es.amazonaws.com" "http" "logs.example.com" "forward" "fluentd.logging.svc" -}}
{{- if eq $output.type "sumologic" }}
{{- if not $block.url.name }}
output.sumologic.url.name does not say which Secret holds the URL of the HTTP source. Write:
output:
  type: sumologic
  sumologic:
    url:
      name: sumologic
      key: url{{ "\f" }}
{{- end }}
{{- else if and (hasKey $hosts $output.type) (not $block.host) (not (and $block.url $block.url.name)) }}
output.{{ $output.type }}.host is empty: where are the lines to go? Write:
output:
  type: {{ $output.type }}
  {{ $output.type }}:
    host: {{ get $hosts $output.type }}{{ "\f" }}
{{- else if and $block.url $block.url.name $block.host }}
output.http.host and output.http.url.name are both set, and the URL has a host of its own. Write:
output:
  http:
    host: ""
    url:
      name: {{ $block.url.name }}
      key: {{ $block.url.key }}{{ "\f" }}
{{- end }}
{{- if and $output.ca.secret $output.ca.configMap }}
output.ca.secret and output.ca.configMap are both set, and one certificate is used. Write one of:
output:
  ca:
    secret: {{ $output.ca.secret }}
    configMap: ""
output:
  ca:
    secret: ""
    configMap: {{ $output.ca.configMap }}{{ "\f" }}
{{- end }}
{{- end -}}

{{/* How the sidecar says who it is. */}}
{{- define "log-sidecar.checkOutputLogin" -}}
{{- $type := .Values.output.type -}}
{{- $block := get .Values.output $type -}}
{{- if $block.username }}
{{- if ne (empty $block.username.name) (empty $block.password.name) }}
{{- $name := $block.username.name | default $block.password.name }}
output.{{ $type }}: a user's name and password come together, and only one of them has a Secret. Write:
output:
  {{ $type }}:
    username:
      name: {{ $name }}
      key: {{ $block.username.key }}
    password:
      name: {{ $name }}
      key: {{ $block.password.key }}{{ "\f" }}
{{- else if and $block.username.name $block.aws $block.aws.enabled }}
output.{{ $type }} has a user and aws.enabled, and a request can say only one of them. Write:
output:
  {{ $type }}:
    username:
      name: ""
    password:
      name: ""{{ "\f" }}
{{- else if and (eq $type "forward") $block.username.name (not $block.sharedKey.name) }}
output.forward.username goes with a shared key, and output.forward.sharedKey.name is empty. Write:
output:
  forward:
    sharedKey:
      name: {{ $block.username.name }}
      key: {{ $block.sharedKey.key }}{{ "\f" }}
{{- end }}
{{- end }}
{{- range $header, $secret := $block.secretHeaders }}
{{- if not (and $secret.name $secret.key) }}
output.http.secretHeaders.{{ $header }} does not say which key of which Secret it has. Write:
output:
  http:
    secretHeaders:
      {{ $header }}:
        name: {{ $secret.name | default "logs" }}
        key: {{ $secret.key | default (lower $header) }}{{ "\f" }}
{{- end }}
{{- end }}
{{- end -}}

{{/* What waits for the backend has to fit: on the volume, and at the pod's end into the time there is. */}}
{{- define "log-sidecar.checkOutputBuffer" -}}
{{- $sidecar := .Values.sidecar -}}
{{- $output := .Values.output -}}
{{- $count := max 1 (include "log-sidecar.sidecars" . | fromJsonArray | len) -}}
{{- /* Chunks that are being written and the positions come on top. */ -}}
{{- $needed := add 64000000 (mul $count (include "log-sidecar.agentBytes" $output.buffer.maxSize | int64)) -}}
{{- $there := include "log-sidecar.quantityBytes" $sidecar.state.sizeLimit | int64 -}}
{{- if and (ne .Values.logs.volume.type "persistentVolumeClaim") (gt $needed $there) }}
output.buffer.maxSize is {{ $output.buffer.maxSize }}{{ if gt $count 1 }} for each of {{ $count }} sidecars{{ end }}, and the pod is evicted when their volume exceeds sidecar.state.sizeLimit ({{ $sidecar.state.sizeLimit }}). Write:
sidecar:
  state:
    sizeLimit: {{ ceil (divf $needed 1048576) | int64 }}Mi{{ "\f" }}
{{- end }}
{{- $seconds := add 1 (ceil $sidecar.drainSeconds | int) (int $output.graceSeconds) -}}
{{- if not $sidecar.native -}}{{- $seconds = add $seconds (int $sidecar.quietSeconds) -}}{{- end -}}
{{- if gt $seconds (int .Values.terminationGracePeriodSeconds) }}
output.graceSeconds ({{ $output.graceSeconds }}) and sidecar.drainSeconds ({{ $sidecar.drainSeconds }}) do not fit into terminationGracePeriodSeconds ({{ .Values.terminationGracePeriodSeconds }}). Write:
terminationGracePeriodSeconds: {{ $seconds }}{{ "\f" }}
{{- end }}
{{- end -}}

{{- define "log-sidecar.checkOutputLabels" -}}
{{- range $key := list "log" "file" "path" "offset" "namespace" "pod" "container" "node" "time" "@timestamp" }}
{{- if hasKey $.Values.output.labels $key }}
output.labels has a field {{ $key | quote }}, which every record has already. Write another name:
output:
  labels:
    app-{{ trimPrefix "@" $key }}: {{ get $.Values.output.labels $key | quote }}{{ "\f" }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Rules for records of several lines. */}}
{{- define "log-sidecar.checkMultiline" -}}
{{- range $index, $file := .Values.logs.files }}
{{- $start := dig "multilineRegex" "start" "" $file }}
{{- if and (eq ($file.multiline | default "") "regex") (not $start) }}
logs.files[{{ $index }}] ({{ $file.name }}) has no rule for the first line of a record. Write:
logs:
  files:
    - name: {{ $file.name }}
      path: {{ $file.path }}
      multiline: regex
      multilineRegex:
        start: '^\d{4}-\d{2}-\d{2}'{{ "\f" }}
{{- else if and $file.multilineRegex (ne ($file.multiline | default "") "regex") }}
logs.files[{{ $index }}] ({{ $file.name }}) has `multilineRegex`, which counts only with `multiline: regex`. Write:
logs:
  files:
    - name: {{ $file.name }}
      path: {{ $file.path }}
      multiline: regex{{ "\f" }}
{{- end }}
{{- end }}
{{- end -}}
