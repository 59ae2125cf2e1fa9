{{/* What fluentd does not do here, and Fluent Bit does. */}}
{{- define "observability-stack.checkFluentd" -}}
{{- $values := .Values.logs -}}
{{- $output := $values.output -}}
{{- if not (has $output.type (list "elasticsearch" "opensearch")) }}
logs.output.type is {{ $output.type }}, and the engine fluentd sends to elasticsearch and opensearch only. Write one of:
{{- include "observability-stack.write" (dict "path" "logs.engine" "value" "fluent-bit") }}
{{- include "observability-stack.write" (dict "path" "logs.output.type" "value" "elasticsearch") }}{{ "\f" }}
{{- else }}
{{- if and (eq $output.type "opensearch") $output.opensearch.awsAuth }}
logs.output.opensearch.awsAuth is true, and the engine fluentd signs no requests here. Write one of:
{{- include "observability-stack.write" (dict "path" "logs.engine" "value" "fluent-bit") }}
{{- include "observability-stack.write" (dict "path" "logs.output.opensearch.awsAuth" "value" "false") }}{{ "\f" }}
{{- end }}
{{- $other := ternary "opensearch" "elasticsearch" (eq $output.type "elasticsearch") }}
{{- $image := $values.fluentd.image }}
{{- if and (not $image.digest) (contains $other $image.tag) }}
logs.fluentd.image.tag is {{ $image.tag }}, an image for {{ $other }}, and logs.output.type is {{ $output.type }}. Write for example:
{{- include "observability-stack.write" (dict "path" "logs.fluentd.image.tag" "value" (ternary "v1.19.3-debian-elasticsearch8-1.1" "v1.19.3-debian-opensearch-1.1" (eq $output.type "elasticsearch"))) }}{{ "\f" }}
{{- end }}
{{- end }}
{{- range $path := list "application.multiline" "application.parseJson" "application.rateLimit" "dataplane.rateLimit" "host.rateLimit" "metadata.labels" "metadata.annotations" "extraFilters" }}
{{- $found := $values }}
{{- range splitList "." $path }}{{ $found = get $found . }}{{ end }}
{{- if $found }}
logs.{{ $path }} is set, and the engine fluentd has nothing like it here. Leave it out, or write:
{{- include "observability-stack.write" (dict "path" "logs.engine" "value" "fluent-bit") }}{{ "\f" }}
{{- end }}
{{- end }}
{{- end -}}
