{{/* Checks of `logs.engine: fluentd`: features that only Fluent Bit supports in this chart. */}}
{{- define "observability-stack.checkFluentd" -}}
{{- $values := .Values.logs -}}
{{- include "observability-stack.reject" (list (include "observability-stack.redacts" .)
  "`redaction` has rules, but fluentd does not support them in this chart." "logs.engine" "fluent-bit") }}
{{- range include "observability-stack.fluentdOutputs" . | fromJsonArray }}
{{- $path := printf "outputs.%s" .name }}
{{- if not (has .type (list "elasticsearch" "opensearch")) }}
{{- include "observability-stack.reject" (list true (printf "`%s.type` is %s, but fluentd sends to elasticsearch and opensearch only." $path .type)
  "logs.engine" "fluent-bit" (printf "%s.enabled" $path) false) }}
{{- else }}
{{- range $option, $set := dict "awsAuth" .awsAuth "tls.vhost" .tls.vhost }}
{{- include "observability-stack.reject" (list $set
  (printf "`%s.%s` is set, but fluentd does not support it. Remove it, or switch the engine." $path $option) "logs.engine" "fluent-bit") }}
{{- end }}
{{- $option := ternary "logstashPrefix" "index" .logstashFormat }}
{{- include "observability-stack.reject" (list (regexMatch "%|\\{node\\}" (get . $option))
  (printf "`%s.%s` is %q, but fluentd replaces neither dates nor {node} there. Use daily indexes instead." $path $option (get . $option))
  (printf "%s.logstashFormat" $path) true) }}
{{- $image := $values.fluentd.image }}
{{- $elastic := eq .type "elasticsearch" }}
{{- include "observability-stack.reject" (list (and (not $image.digest) (contains (ternary "opensearch" "elasticsearch" $elastic) $image.tag))
  (printf "`logs.fluentd.image.tag` is %s, but `%s.type` is %s, which this image does not support." $image.tag $path .type)
  "logs.fluentd.image.tag" (ternary "v1.19.3-debian-elasticsearch8-1.1" "v1.19.3-debian-opensearch-1.1" $elastic)) }}
{{- end }}
{{- end }}
{{- range list "application.multiline" "application.parseJson" "application.rateLimit" "dataplane.rateLimit" "host.rateLimit" "metadata.labels" "metadata.annotations" "metadata.fields" "metadata.k8sLogging.exclude" "metadata.k8sLogging.parser" "extraFilters" "extraProcessors" "extraParsers" "extraMultilineParsers" }}
{{- include "observability-stack.reject" (list (include "observability-stack.at" (dict "values" $values "path" .) | fromJson).value
  (printf "`logs.%s` is set, but fluentd does not support it. Remove it, or switch the engine." .) "logs.engine" "fluent-bit") }}
{{- end }}
{{- include "observability-stack.reject" (list (not $values.inotifyWatcher)
  "`logs.inotifyWatcher` is false, but fluentd does not support it. Remove it, or switch the engine." "logs.engine" "fluent-bit") }}
{{- end -}}
