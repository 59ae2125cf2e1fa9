{{/* Checks of outputs and multiline rules; messages as in _validations.tpl. */}}

{{- define "log-sidecar.checkOutput" -}}
{{- $sidecar := .Values.sidecar -}}
{{- if and $sidecar.enabled (eq $sidecar.engine "tail") }}
{{- include "log-sidecar.checkTailOutputs" . }}
{{- else if and $sidecar.enabled (include "log-sidecar.engineKeepsState" .) }}
{{- $outputs := include "log-sidecar.activeOutputs" . | fromJsonArray }}
{{- $files := list }}
{{- range .Values.logs.files }}{{ $files = append $files .name }}{{ end }}
{{- include "log-sidecar.checkOutputSettings" (dict "root" . "outputs" $outputs) }}
{{- range $output := $outputs }}
{{- range $file := dig "match" "files" list $output }}
{{- if not (has $file $files) }}
outputs.{{ $output.name }}.match.files contains {{ $file | quote }}, but logs.files has no file with that name. Write for example:{{ include "log-sidecar.write" (dict "path" (printf "outputs.%s.match.files" $output.name) "value" (toJson $files)) }}{{ "\f" }}
{{- end }}
{{- end }}
{{- end }}
{{- if $outputs }}{{ include "log-sidecar.checkOutputMatches" (dict "outputs" $outputs "by" "files" "sources" $files "namespaced" list) }}{{ end }}
{{- if include "log-sidecar.hasBackend" (dict "outputs" $outputs) }}
{{- include "log-sidecar.checkOutputBuffers" . }}
{{- include "log-sidecar.checkOutputLabels" . }}
{{- end }}
{{- end }}
{{- end -}}

{{/* The tail engine writes every line of every file to stdout. */}}
{{- define "log-sidecar.checkTailOutputs" -}}
{{- range $name, $output := .Values.outputs }}
{{- if and (dig "enabled" true $output) (ne $output.type "stdout") }}
outputs.{{ $name }}.type is {{ $output.type }}, but the tail engine writes only to stdout. Write one of:
sidecar:
  engine: fluent-bit
outputs:
  {{ $name }}:
    enabled: false{{ "\f" }}
{{- else if and (dig "enabled" true $output) (dig "match" "files" list $output) }}
outputs.{{ $name }}.match.files is set, but the tail engine writes every file to stdout. Write one of:
sidecar:
  engine: fluent-bit
outputs:
  {{ $name }}:
    match:
      files: []{{ "\f" }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Checks of related settings of one output: dict "root" $ "outputs" <list>. */}}
{{- define "log-sidecar.checkOutputSettings" -}}
{{- $names := include "log-sidecar.outputNames" (dict "root" .root "sidecar" (dict "container" "app" "files" list)) | fromJson }}
{{- include "log-sidecar.checkOutputs" (dict "outputs" .outputs "types" (include "log-sidecar.outputTypes" .root | fromJson) "names" $names "files" true) }}
{{- range .outputs }}
{{- if and (dig "url" "" .) (dig "host" "" .) }}
outputs.{{ .name }} sets both host and url, but the URL already contains the host. Remove `host`, or write:
outputs:
  {{ .name }}:
    url: null{{ "\f" }}
{{- end }}
{{- if and (eq .type "forward") .username (not .sharedKey) }}
outputs.{{ .name }}.username is set, but sharedKey is not. Write for example:
outputs:
  {{ .name }}:
    sharedKey:
      name: {{ .password.name | default "fluentd" }}
      key: sharedKey{{ "\f" }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Buffered records have to fit on the volume, and their delivery within the termination grace period. */}}
{{- define "log-sidecar.checkOutputBuffers" -}}
{{- $sidecar := .Values.sidecar -}}
{{- /* Reserve for open chunks and file positions. */ -}}
{{- $needed := 64000000 -}}
{{- $limits := list -}}
{{- $count := 0 -}}
{{- range include "log-sidecar.listSidecars" (dict "root" .) | fromJsonArray }}
{{- $count = add1 $count }}
{{- range include "log-sidecar.sidecarOutputs" (dict "root" $ "sidecar" .) | fromJsonArray }}
{{- if ne .type "stdout" }}
{{- $needed = add $needed (include "log-sidecar.agentBytes" (.storage.totalLimitSize | default "0") | int64) }}
{{- $limits = append $limits (printf "outputs.%s.storage.totalLimitSize is %s" .name (.storage.totalLimitSize | default "empty")) }}
{{- if and (not .storage.totalLimitSize) (ne $.Values.logs.volume.type "persistentVolumeClaim") }}
outputs.{{ .name }}.storage.totalLimitSize is empty, but Kubernetes evicts the pod when the buffered records exceed sidecar.state.sizeLimit ({{ $sidecar.state.sizeLimit }}). Write:{{ include "log-sidecar.write" (dict "path" (printf "outputs.%s.storage.totalLimitSize" .name) "value" "128M") }}{{ "\f" }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- if and (ne .Values.logs.volume.type "persistentVolumeClaim") (gt $needed (include "log-sidecar.quantityBytes" $sidecar.state.sizeLimit | int64)) }}
{{ uniq $limits | join ", " }}{{ if gt (int $count) 1 }}, for each of {{ $count }} sidecars{{ end }}, but Kubernetes evicts the pod when the volume of the buffers exceeds sidecar.state.sizeLimit ({{ $sidecar.state.sizeLimit }}). Write:
sidecar:
  state:
    sizeLimit: {{ ceil (divf $needed 1048576) | int64 }}Mi{{ "\f" }}
{{- end }}
{{- $seconds := add 1 (ceil $sidecar.drainSeconds | int) (int $sidecar.grace) -}}
{{- if not $sidecar.native }}{{ $seconds = add $seconds (int $sidecar.quietSeconds) }}{{ end -}}
{{- if gt $seconds (int .Values.terminationGracePeriodSeconds) }}
sidecar.grace ({{ $sidecar.grace }}) and sidecar.drainSeconds ({{ $sidecar.drainSeconds }}) do not fit within terminationGracePeriodSeconds ({{ .Values.terminationGracePeriodSeconds }}). Write:
terminationGracePeriodSeconds: {{ $seconds }}{{ "\f" }}
{{- end }}
{{- end -}}

{{- define "log-sidecar.checkOutputLabels" -}}
{{- range $key := list "log" "file" "path" "offset" "namespace" "pod" "container" "node" "time" "@timestamp" }}
{{- if hasKey $.Values.logs.labels $key }}
logs.labels sets the field {{ $key | quote }}, which every record already has. Write a different name:
logs:
  labels:
    app-{{ trimPrefix "@" $key }}: {{ get $.Values.logs.labels $key | quote }}{{ "\f" }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Checks of multiline rules. */}}
{{- define "log-sidecar.checkMultiline" -}}
{{- range $index, $file := .Values.logs.files }}
{{- $start := dig "multilineRegex" "start" "" $file }}
{{- if and (eq ($file.multiline | default "") "regex") (not $start) }}
logs.files[{{ $index }}] ({{ $file.name }}) has `multiline: regex`, but no pattern for the first line of a record. Write:
logs:
  files:
    - name: {{ $file.name }}
      path: {{ $file.path }}
      multiline: regex
      multilineRegex:
        start: '^\d{4}-\d{2}-\d{2}'{{ "\f" }}
{{- else if and $file.multilineRegex (ne ($file.multiline | default "") "regex") }}
logs.files[{{ $index }}] ({{ $file.name }}) sets `multilineRegex`, which applies only with `multiline: regex`. Write:
logs:
  files:
    - name: {{ $file.name }}
      path: {{ $file.path }}
      multiline: regex{{ "\f" }}
{{- end }}
{{- end }}
{{- end -}}
