{{/* Features of Fluent Bit that fluentd lacks in this chart. */}}
{{- define "observability-stack.checkFluentd" -}}
{{- $values := .Values.logs -}}
{{- $other := "Remove it, or write:\nlogs:\n  engine: fluent-bit\f" }}
{{- range include "observability-stack.fluentdOutputs" . | fromJsonArray }}
{{- $path := printf "outputs.%s" .name }}
{{- if not (has .type (list "elasticsearch" "opensearch")) }}
{{ $path }}.type is {{ .type }}, but logs.engine: fluentd sends to elasticsearch and opensearch only. Write one of:
logs:
  engine: fluent-bit
outputs:
  {{ .name }}:
    enabled: false{{ "\f" }}
{{- else }}
{{- if .awsAuth }}
{{ $path }}.awsAuth is true, but fluentd does not sign requests here. {{ $other }}
{{- end }}
{{- if .tls.vhost }}
{{ $path }}.tls.vhost is set, but fluentd has no such option. {{ $other }}
{{- end }}
{{- $option := ternary "logstashPrefix" "index" .logstashFormat }}
{{- if regexMatch "%|\\{node\\}" (get . $option) }}
{{ $path }}.{{ $option }} is {{ get . $option | quote }}, but fluentd fills in neither dates nor nodes here. For one index a day, write:
outputs:
  {{ .name }}:
    logstashFormat: true{{ "\f" }}
{{- end }}
{{- $backend := ternary "opensearch" "elasticsearch" (eq .type "elasticsearch") }}
{{- $image := $values.fluentd.image }}
{{- if and (not $image.digest) (contains $backend $image.tag) }}
logs.fluentd.image.tag is {{ $image.tag }}, an image for {{ $backend }}, but {{ $path }}.type is {{ .type }}. Write for example:
logs:
  fluentd:
    image:
      tag: {{ ternary "v1.19.3-debian-elasticsearch8-1.1" "v1.19.3-debian-opensearch-1.1" (eq .type "elasticsearch") }}{{ "\f" }}
{{- end }}
{{- end }}
{{- end }}
{{- range $path := list "application.multiline" "application.parseJson" "application.rateLimit" "dataplane.rateLimit" "host.rateLimit" "metadata.labels" "metadata.annotations" "extraFilters" }}
{{- $found := $values }}
{{- range splitList "." $path }}{{ $found = get $found . }}{{ end }}
{{- if $found }}
logs.{{ $path }} is set, but logs.engine: fluentd does not support it. {{ $other }}
{{- end }}
{{- end }}
{{- end -}}
