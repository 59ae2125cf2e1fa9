{{/*
The engine `sumologic-collector`: Sumo Logic's own collector, as its image documents it
(https://github.com/SumoLogic/sumologic-collector-docker). It sends to the account of its credentials.
*/}}

{{/*
One source: https://help.sumologic.com/docs/send-data/use-json-configure-sources/json-parameters-installed-sources.
A path that ends in "*" lets the collector recognize rotated files; it skips compressed files by default.
Arguments: dict "root" $ "file" <map>; returns JSON.
*/}}
{{- define "log-sidecar.sumologicSource" -}}
{{- $settings := .root.Values.sidecar.sumologicCollector -}}
{{- $copies := eq (.file.rotation | default "rename") "copytruncate" -}}
{{- $excluded := list -}}
{{- range .root.Values.logs.files -}}
{{- if and (ne .path $.file.path) (hasPrefix $.file.path .path) (not $copies) }}{{ $excluded = append $excluded (printf "%s*" .path) }}{{ end -}}
{{- end -}}
{{- $multiline := ne (.file.multiline | default "") "" -}}
{{- mergeOverwrite (dict
  "sourceType" "LocalFile"
  "name" .file.name
  "pathExpression" (ternary .file.path (printf "%s*" (trimSuffix "*" .file.path)) $copies)
  "denylist" $excluded
  "category" ($settings.category | default (printf "%s/%s" .root.Release.Namespace (include "log-sidecar.fullname" .root)))
  "encoding" "UTF-8"
  "cutoffTimestamp" 0
  "automaticDateParsing" true
  "forceTimeZone" false
  "multilineProcessingEnabled" $multiline
  "useAutolineMatching" $multiline
) (deepCopy $settings.source) | toJson -}}
{{- end -}}

{{- define "log-sidecar.config.sumologic-collector" -}}
{{- $sources := list -}}
{{- range .sidecar.files }}{{ $sources = append $sources (include "log-sidecar.sumologicSource" (dict "root" $.root "file" .) | fromJson) }}{{ end -}}
{{- dict "api.version" "v1" "sources" $sources | toPrettyJson -}}
{{- end -}}

{{- define "log-sidecar.engine.sumologic-collector" -}}
{{- $settings := .root.Values.sidecar.sumologicCollector -}}
env:
  - {name: SUMO_ACCESS_ID, valueFrom: {secretKeyRef: {{ toJson $settings.accessId }}}}
  - {name: SUMO_ACCESS_KEY, valueFrom: {secretKeyRef: {{ toJson $settings.accessKey }}}}
  - {name: SUMO_COLLECTOR_NAME, valueFrom: {fieldRef: {fieldPath: metadata.name}}}
  - {name: SUMO_COLLECTOR_NAME_PREFIX, value: {{ toJson $settings.namePrefix }}}
  # The chart's values take precedence over changes in the web application.
  - {name: SUMO_SYNC_SOURCES, value: "true"}
  - {name: SUMO_COLLECTOR_EPHEMERAL, value: "true"}
  # A restarted container reuses its collector name.
  - {name: SUMO_CLOBBER, value: "true"}
  - {name: SUMO_JAVA_MEMORY_MAX, value: {{ $settings.javaMemoryMegabytes | int | quote }}}
  {{- with $settings.url }}
  - {name: SUMO_RECEIVER_URL, value: {{ toJson . }}}
  {{- end }}
  {{- with .root.Values.proxy.httpsProxy | default .root.Values.proxy.httpProxy }}
  - {name: SUMO_PROXY_HOST, value: {{ (urlParse .).hostname | quote }}}
  - {name: SUMO_PROXY_PORT, value: {{ regexFind ":[0-9]+$" . | trimPrefix ":" | default "80" | quote }}}
  {{- end }}
{{- end -}}

{{- define "log-sidecar.checkSumologic" -}}
{{- $sidecar := .Values.sidecar -}}
{{- if and $sidecar.enabled (eq $sidecar.engine "sumologic-collector") }}
{{- range $key := list "accessId" "accessKey" }}
{{- $path := printf "sidecar.sumologicCollector.%s" . }}
{{- include "log-sidecar.reject" (list (not (get $sidecar.sumologicCollector .))
  (printf "`sidecar.engine` is sumologic-collector, but `%s` is not set. Create a Secret with `kubectl create secret generic sumologic --from-literal=accessId=... --from-literal=accessKey=...`." $path)
  $path (dict "name" "sumologic" "key" .)) }}
{{- end }}
{{- include "log-sidecar.reject" (list (include "log-sidecar.caBundleFile" .)
  "`caBundle` is set, but the sumologic-collector engine trusts only the certificates in its image. Add yours to the image, or use another engine."
  "caBundle" (dict "configMap" nil "secret" nil) "sidecar.engine" "fluent-bit") }}
{{- range $key := list "httpProxy" "httpsProxy" }}
{{- $login := list (dict "name" "SUMO_PROXY_USER" "value" "my-user") (dict "name" "SUMO_PROXY_PASSWORD" "valueFrom" (dict "secretKeyRef" (dict "name" "proxy" "key" "password"))) }}
{{- include "log-sidecar.reject" (list (kindIs "map" (get $.Values.proxy $key))
  (printf "`proxy.%s` is a Secret, but the sumologic-collector engine reads the host, the port and the credentials from separate variables:" $key)
  "" (dict "proxy" (dict $key "http://proxy.example.com:3128") "sidecar" (dict "extraEnv" $login))) }}
{{- end }}
{{- range include "log-sidecar.outputs" . | fromJsonArray }}
{{- include "log-sidecar.reject" (list (ne .type "stdout")
  (printf "`outputs.%s.type` is %s, but the sumologic-collector engine sends only to Sumo Logic." .name .type)
  (printf "outputs.%s.enabled" .name) false "sidecar.engine" "fluent-bit") }}
{{- end }}
{{- range $key, $rule := dict
  "logLevel" (list "warn" "the image of the sumologic-collector engine has no log level")
  "perFile" (list false "one Sumo Logic collector already has a source for each file")
  "fileLabel" (list false "the sumologic-collector engine identifies each file by its source name")
}}
{{- include "log-sidecar.reject" (list (ne (get $sidecar $key) (first .)) (printf "`sidecar.%s` is %v, but %s." $key (get $sidecar $key) (last .))
  (printf "sidecar.%s" $key) (first .)) }}
{{- end }}
{{- end }}
{{- end -}}
