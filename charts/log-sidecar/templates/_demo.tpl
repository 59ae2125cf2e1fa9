{{/* The demo application: its environment, and the settings with which it sends its own logs to a backend. */}}

{{/* The environment variables of the demo; returns a YAML list. */}}
{{- define "log-sidecar.demoEnv" -}}
{{- $demo := .Values.app.demo -}}
{{- if include "log-sidecar.demoShips" . }}
- {name: SHIP, value: /opt/demo/ship.json}
- {name: SHIP_GRACE_SECONDS, value: {{ .Values.sidecar.grace | int | quote }}}
{{- $outputs := include "log-sidecar.activeOutputs" . | fromJsonArray }}
{{ include "log-sidecar.backendEnv" $outputs | trim }}
{{- $traced := regexReplaceAll "^https?://" $demo.traces.endpoint "" | regexFind "^[^/:]+" | list | compact }}
{{- $proxy := dict "root" . "hosts" (include "log-sidecar.outputHosts" (dict "root" . "outputs" $outputs) | fromJsonArray) "direct" $traced }}
{{- range include "log-sidecar.proxyEnv" $proxy | fromJsonArray }}
- {{ toJson . }}
{{- end }}
{{- end }}
{{- $env := list -}}
{{- with $demo.traces -}}
{{- $names := ternary (list "AWS_XRAY_DAEMON_ADDRESS" "AWS_XRAY_TRACING_NAME") (list "OTEL_EXPORTER_OTLP_ENDPOINT" "OTEL_SERVICE_NAME") (eq .protocol "xray") -}}
{{- if ne .protocol "none" -}}
{{- $service := .service | default (include "log-sidecar.fullname" $) -}}
{{- $env = list (list "TRACES" .protocol) (list (first $names) .endpoint) (list (last $names) $service) (list "TRACES_LOG_GROUP" .logGroup) -}}
{{- end -}}
{{- end -}}
{{- $env = concat $env (list
  (list "LOG_FILE" (first .Values.logs.files).path)
  (list "LOG_ROTATE_BYTES" (int64 $demo.rotateBytes))
  (list "LOG_ROTATE_KEEP" (int $demo.rotateKeep))
) -}}
{{- if include "log-sidecar.runsToEnd" . -}}
{{- $env = append $env (list "LINES" (int64 $demo.jobLines)) -}}
{{- else -}}
{{- $env = concat $env (list (list "LINES_PER_REQUEST" (int $demo.linesPerRequest)) (list "PORT" (int (first .Values.app.ports).containerPort))) -}}
{{- end -}}
{{- range $env }}{{ if ne (last . | toString) "" }}
- {name: {{ first . }}, value: {{ last . | quote }}}
{{- end }}{{ end }}
{{- end -}}

{{/* Whether the demo sends its logs to an output itself. */}}
{{- define "log-sidecar.demoShips" -}}
{{- if and (include "log-sidecar.hasDemo" .) (ne .Values.app.demo.logTo "file") }}true{{ end -}}
{{- end -}}

{{/* The settings that files/demo/ship.py documents, as JSON; secrets are names of environment variables. */}}
{{- define "log-sidecar.demoShipSettings" -}}
{{- $sidecar := dict "container" .Values.app.name "files" list -}}
{{- $text := include "log-sidecar.activeOutputs" . -}}
{{- range $word, $name := include "log-sidecar.outputNames" (dict "root" . "sidecar" $sidecar) | fromJson }}{{ $text = replace (printf "{%s}" $word) $name $text }}{{ end -}}
{{- $output := first ($text | fromJsonArray) -}}
{{- $url := printf "${%sURL}" $output.variable -}}
{{- if not $output.url -}}
{{- $path := ternary (printf "%s/_bulk" (trimSuffix "/" (toString $output.path))) $output.uri (has $output.type (list "elasticsearch" "opensearch")) -}}
{{- $url = printf "%s://%s:%d%s" (ternary "https" "http" $output.tls.enabled) $output.host (int $output.port) $path -}}
{{- end -}}
{{- $scope := dict "output" $output "types" (include "log-sidecar.outputTypes" . | fromJson) "names" dict "aws" .Values.aws "caDirectory" "/etc/log-sidecar-ca" "trust" (include "log-sidecar.trust" (dict "root" . "file" (include "log-sidecar.caBundleFile" .)) | fromJson) -}}
{{- $section := include "log-sidecar.fluentBitOutput" $scope | fromJson -}}
{{- $headers := dict -}}
{{- range $section.header }}{{ $_ := set $headers (splitn " " 2 .)._0 (splitn " " 2 .)._1 }}{{ end -}}
{{- $flush := .Values.sidecar.fluentBit.flush -}}
{{- dict
  "type" $output.type
  "url" $url
  "format" ($output.format | default "json_lines")
  "headers" $headers
  "index" (ternary $output.logstashPrefix ($output.index | default "") (dig "logstashFormat" false $output))
  "day" (ternary $output.logstashDateformat "" (dig "logstashFormat" false $output))
  "fields" (include "log-sidecar.outputFields" (dict "root" . "sidecar" $sidecar) | fromJson)
  "verify" $output.tls.verify
  "ca" (get $section "tls.ca_file" | default "")
  "login" (empty $section.http_user | ternary list (list $section.http_user ($section.http_passwd | default "")))
  "queueLines" (int .Values.app.demo.queueLines)
  "retryLimit" (ternary nil $output.retryLimit (eq (toString $output.retryLimit) "no_limits"))
  "flush" (eq (toString $flush) "auto" | ternary 1 $flush)
| toPrettyJson -}}
{{- end -}}

{{/* Additional data of the demo's ConfigMap, as a YAML map; nothing for a demo that writes to a file and sends no traces. */}}
{{- define "log-sidecar.demoData" -}}
{{- $data := dict -}}
{{- if include "log-sidecar.demoShips" . }}{{ $data = dict "ship.py" (.Files.Get "files/demo/ship.py") "ship.json" (include "log-sidecar.demoShipSettings" .) }}{{ end -}}
{{- if ne .Values.app.demo.traces.protocol "none" }}{{ $_ := set $data "tracer.py" (.Files.Get "files/demo/tracer.py") }}{{ end -}}
{{- if $data }}{{ toYaml $data }}{{ end -}}
{{- end -}}

{{- define "log-sidecar.checkTraces" -}}
{{- $traces := .Values.app.demo.traces }}
{{- $forms := dict
  "xray" (list "^[^/]+:[0-9]+$" "a host and a port" "xray-service.prometheus:2000")
  "otlp" (list "^https?://" "an http:// or https:// URL" "http://xray-service.prometheus:4318")
}}
{{- with and (include "log-sidecar.hasDemo" .) (get $forms $traces.protocol) }}
{{- include "log-sidecar.reject" (list (not (regexMatch (index . 0) $traces.endpoint))
  (printf "`app.demo.traces.protocol` is %s, but `app.demo.traces.endpoint` is %q, not %s. Write for example:" $traces.protocol $traces.endpoint (index . 1))
  "app.demo.traces.endpoint" (index . 2)) }}
{{- end }}
{{- end -}}

{{/* Requirements of a demo that sends its own logs, and outputs that only Fluent Bit supports. */}}
{{- define "log-sidecar.checkShip" -}}
{{- if include "log-sidecar.demoShips" . }}
{{- $name := .Values.app.demo.logTo }}
{{- $path := printf "outputs.%s" $name }}
{{- include "log-sidecar.reject" (list .Values.sidecar.enabled
  (printf "`app.demo.logTo` is %s, but `sidecar.enabled` is true: the sidecar would wait for files that the demo never writes." $name)
  "sidecar.enabled" false) }}
{{- $outputs := include "log-sidecar.activeOutputs" . | fromJsonArray }}
{{- include "log-sidecar.reject" (list (not $outputs)
  (printf "`app.demo.logTo` is %s, and `outputs` has no enabled output with that name. Write for example:" $name)
  $path (dict "type" "http" "enabled" true "host" "logs.example.com")) }}
{{- range $outputs }}
{{- include "log-sidecar.reject" (list (not (has .type (list "elasticsearch" "http" "opensearch" "sumologic")))
  (printf "`app.demo.logTo` is %s, but the demo cannot send to %s: it supports only HTTP backends. Write for example:" $name .type)
  $path (dict "type" "http" "host" "logs.example.com")) }}
{{- include "log-sidecar.reject" (list .awsAuth (printf "`app.demo.logTo` is %s, but the demo cannot sign requests (SigV4)." $name)
  (printf "%s.awsAuth" $path) false) }}
{{- end }}
{{- with $outputs }}{{ include "log-sidecar.checkOutputSettings" (dict "root" $ "outputs" .) }}{{ end }}
{{- end }}
{{- end -}}
