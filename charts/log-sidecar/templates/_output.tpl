{{/*
Where the fluent-bit engine sends the lines (`output` in the values). All templates here read only `.root.Values`, and
credentials reach Fluent Bit as environment variables from Secrets, which it writes into its configuration as `${NAME}`.
*/}}

{{/* Whether the lines go to a backend and not to stdout: dict "root" $. */}}
{{- define "log-sidecar.hasBackend" -}}
{{- if and (has .root.Values.sidecar.engine (list "fluent-bit" "fluentd")) (ne .root.Values.output.type "stdout") }}true{{ end -}}
{{- end -}}

{{/* Seconds that Fluent Bit may take to deliver what it has read, after the drain. */}}
{{- define "log-sidecar.graceSeconds" -}}
{{- ternary .root.Values.output.graceSeconds 3 (eq (include "log-sidecar.hasBackend" .) "true") | int -}}
{{- end -}}

{{/* A size as Fluent Bit writes it ("128M"), in bytes. */}}
{{- define "log-sidecar.agentBytes" -}}
{{- $factors := dict "k" 1000 "K" 1000 "M" 1000000 "G" 1000000000 -}}
{{- mul (regexFind "^[0-9]+" . | int64) (get $factors (regexFind "[kKMG]$" .) | default 1 | int64) -}}
{{- end -}}

{{/* A quantity as Kubernetes writes it ("256Mi"), in bytes. */}}
{{- define "log-sidecar.quantityBytes" -}}
{{- $factors := dict "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "P" 1e15 "E" 1e18 "m" 0.001
  "Ki" 1024.0 "Mi" 1048576.0 "Gi" 1073741824.0 "Ti" 1099511627776.0 "Pi" 1125899906842624.0 "Ei" 1152921504606846976.0 -}}
{{- mulf (regexFind "^[0-9.]+" . | float64) (get $factors (regexFind "[A-Za-z]+$" .) | default 1.0) | printf "%.0f" -}}
{{- end -}}

{{/*
The longest line that is read, in bytes or Fluent Bit's short form. CloudWatch takes 1 MiB, escapes included, and Fluent
Bit counts no record that it discards there: so a line is cut, and counted, when it is read.
*/}}
{{- define "log-sidecar.maxLineSize" -}}
{{- $size := .root.Values.sidecar.fluentBit.maxLineSize -}}
{{- if and (include "log-sidecar.hasBackend" .) (eq .root.Values.output.type "cloudwatch") -}}
{{- $other := .root.Values.output.cloudwatch.maxLineSize -}}
{{- ternary $other $size (lt (include "log-sidecar.agentBytes" $other | int64) (include "log-sidecar.agentBytes" $size | int64)) -}}
{{- else -}}
{{- $size -}}
{{- end -}}
{{- end -}}

{{/*
Which container the lines are of: the caller's word, or the application's; nothing where a caller gives the paths, as
these can be of several containers.
*/}}
{{- define "log-sidecar.outputContainer" -}}
{{- $foreign := false -}}
{{- range .sidecar.files -}}{{- if hasKey . "paths" -}}{{- $foreign = true -}}{{- end -}}{{- end -}}
{{- .sidecar.container | default (ternary "" .root.Values.app.name $foreign) -}}
{{- end -}}

{{/*
A name with placeholders, as Fluent Bit takes it: dict "root" $ "sidecar" <map> "text" <text>. The tag is the file's name;
only record accessors, the templates of cloudwatch_logs, know it.
*/}}
{{- define "log-sidecar.outputName" -}}
{{- .text
  | replace "{namespace}" "${OUTPUT_NAMESPACE}"
  | replace "{pod}" "${OUTPUT_POD}"
  | replace "{node}" "${OUTPUT_NODE}"
  | replace "{container}" (include "log-sidecar.outputContainer" . | default "all")
  | replace "{file}" "$TAG" -}}
{{- end -}}

{{/*
The environment that the output reads: the pod's names, and credentials by reference. dict "root" $; returns YAML, a
list under the key `env`.
*/}}
{{- define "log-sidecar.backendEnv" -}}
{{- $output := .root.Values.output -}}
{{- $env := list -}}
{{- if include "log-sidecar.hasBackend" . -}}
{{- range $name, $path := dict "OUTPUT_NAMESPACE" "metadata.namespace" "OUTPUT_NODE" "spec.nodeName" "OUTPUT_POD" "metadata.name" -}}
{{- $field := dict "apiVersion" "v1" "fieldPath" $path -}}
{{- $env = append $env (dict "name" $name "valueFrom" (dict "fieldRef" $field)) -}}
{{- end -}}
{{- $block := get $output $output.type -}}
{{- $secrets := dict
  "OUTPUT_URL" $block.url
  "OUTPUT_USERNAME" $block.username
  "OUTPUT_PASSWORD" $block.password
  "OUTPUT_SHARED_KEY" $block.sharedKey
-}}
{{- range $header, $secret := $block.secretHeaders -}}
{{- $_ := set $secrets (include "log-sidecar.headerVariable" $header) $secret -}}
{{- end -}}
{{- range $name, $secret := $secrets -}}
{{- if and $secret $secret.name -}}
{{- $reference := dict "name" $secret.name "key" $secret.key -}}
{{- $env = append $env (dict "name" $name "valueFrom" (dict "secretKeyRef" $reference)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- dict "env" $env | toYaml -}}
{{- end -}}

{{- define "log-sidecar.headerVariable" -}}
{{- printf "OUTPUT_HEADER_%s" (upper . | replace "-" "_") -}}
{{- end -}}

{{/* The volume of the authority's certificate: dict "root" $; returns YAML, a list under the key `volumes`. */}}
{{- define "log-sidecar.backendVolumes" -}}
{{- $volumes := list -}}
{{- $ca := .root.Values.output.ca -}}
{{- if and (include "log-sidecar.hasBackend" .) (or $ca.secret $ca.configMap) -}}
{{- $items := list (dict "key" $ca.key "path" "ca.crt") -}}
{{- $source := dict "configMap" (dict "name" $ca.configMap "items" $items) -}}
{{- if $ca.secret -}}
{{- $source = dict "secret" (dict "secretName" $ca.secret "items" $items) -}}
{{- end -}}
{{- $volumes = list (merge (dict "name" "output-ca") $source) -}}
{{- end -}}
{{- dict "volumes" $volumes | toYaml -}}
{{- end -}}

{{/* The mount of that volume: dict "root" $; returns YAML, a list under the key `mounts`. */}}
{{- define "log-sidecar.backendMounts" -}}
{{- $mounts := list -}}
{{- range (include "log-sidecar.backendVolumes" . | fromYaml).volumes -}}
{{- $mounts = append $mounts (dict "name" .name "mountPath" "/etc/log-sidecar-ca" "readOnly" true) -}}
{{- end -}}
{{- dict "mounts" $mounts | toYaml -}}
{{- end -}}

{{/* Fields that every record gets besides its file: dict "root" $ "sidecar" <map>; returns YAML, a map. */}}
{{- define "log-sidecar.outputFields" -}}
{{- $fields := dict "namespace" "${OUTPUT_NAMESPACE}" "node" "${OUTPUT_NODE}" "pod" "${OUTPUT_POD}" -}}
{{- with include "log-sidecar.outputContainer" . -}}
{{- $_ := set $fields "container" . -}}
{{- end -}}
{{- mergeOverwrite (dict) .root.Values.output.labels $fields | toYaml -}}
{{- end -}}

{{/* TLS of a backend: dict "root" $ "tls" <map>; returns YAML. */}}
{{- define "log-sidecar.outputTls" -}}
{{- $tls := dict "tls" .tls.enabled -}}
{{- if .tls.enabled -}}
{{- $tls = dict "tls" true "tls.verify" .tls.verify "tls.verify_hostname" .tls.verify -}}
{{- if (include "log-sidecar.backendVolumes" . | fromYaml).volumes -}}
{{- $_ := set $tls "tls.ca_file" "/etc/log-sidecar-ca/ca.crt" -}}
{{- end -}}
{{- end -}}
{{- $tls | toYaml -}}
{{- end -}}

{{/* Where a backend listens: its host and port, or the parts into which the script takes a secret URL. */}}
{{- define "log-sidecar.outputAddress" -}}
{{- $tls := include "log-sidecar.outputTls" (dict "root" .root "tls" .block.tls) | fromYaml -}}
{{- $address := dict "host" .block.host "port" (.block.port | default 443 | int) -}}
{{- if and .block.url .block.url.name -}}
{{- $address = dict "host" "${OUTPUT_HOST}" "port" "${OUTPUT_PORT}" "uri" "${OUTPUT_URI}" "tls" "${OUTPUT_TLS}" -}}
{{- end -}}
{{- merge $address $tls | toYaml -}}
{{- end -}}

{{/* Basic authentication: dict "block" <map>; returns YAML. */}}
{{- define "log-sidecar.outputLogin" -}}
{{- if .block.username.name -}}
{{- dict "http_user" "${OUTPUT_USERNAME}" "http_passwd" "${OUTPUT_PASSWORD}" | toYaml -}}
{{- end -}}
{{- end -}}

{{- define "log-sidecar.output.stdout" -}}
name: file
alias: stdout
match: "*"
file: /dev/stdout
format: template
template: {{ ternary "{file}: {log}" "{log}" .root.Values.sidecar.fileLabel | quote }}
{{- end -}}

{{/* Only a template knows the file; Fluent Bit wants a name to fall back to. It always speaks TLS, and refuses `tls`. */}}
{{- define "log-sidecar.output.cloudwatch" -}}
{{- $block := .root.Values.output.cloudwatch -}}
{{- $output := dict
  "name" "cloudwatch_logs"
  "region" ($block.region | default "${AWS_REGION}")
  "auto_create_group" $block.autoCreateGroup
-}}
{{- range $option, $text := dict "log_group" $block.logGroupName "log_stream" $block.logStreamName -}}
{{- $name := include "log-sidecar.outputName" (dict "root" $.root "sidecar" $.sidecar "text" $text) -}}
{{- $_ := set $output (printf "%s_name" $option) (replace "$TAG" "files" $name) -}}
{{- $_ := set $output (printf "%s_template" $option) $name -}}
{{- end -}}
{{- if $block.logRetentionDays -}}
{{- $_ := set $output "log_retention_days" ($block.logRetentionDays | int) -}}
{{- end -}}
{{- if ne $block.logGroupClass "STANDARD" -}}
{{- $_ := set $output "log_group_class" $block.logGroupClass -}}
{{- end -}}
{{- with $block.endpoint -}}
{{- $_ := set $output "endpoint" . -}}
{{- $_ := set $output "port" ($block.port | int) -}}
{{- end -}}
{{- with $block.roleArn -}}
{{- $_ := set $output "role_arn" . -}}
{{- end -}}
{{- if eq $block.format "raw" -}}
{{- $_ := set $output "log_key" "log" -}}
{{- end -}}
{{- $tls := include "log-sidecar.outputTls" (dict "root" .root "tls" (dict "enabled" true "verify" true)) | fromYaml -}}
{{- merge $output (omit $tls "tls") | toYaml -}}
{{- end -}}

{{/*
What Elasticsearch and OpenSearch have in common. The id of a document is the hash of its record, in which its time in
nanoseconds and its offset in the file make it unique: a chunk that is sent again changes nothing. The answer names every
document, and one that is cut off would be taken for a failure: so it may be of any size.
*/}}
{{- define "log-sidecar.outputBulk" -}}
{{- $block := .block -}}
{{- $output := dict
  "name" "opensearch"
  "suppress_type_name" true
  "time_key" "@timestamp"
  "time_key_nanos" true
  "generate_id" $block.generateId
  "buffer_size" "False"
  "trace_error" $block.traceError
  "net.io_timeout" "60s"
-}}
{{- if $block.logstash.enabled -}}
{{- $_ := set $output "logstash_format" true -}}
{{- $_ := set $output "logstash_prefix" (include "log-sidecar.outputName" (dict "root" .root "sidecar" .sidecar "text" $block.logstash.prefix)) -}}
{{- $_ := set $output "logstash_dateformat" $block.logstash.dateFormat -}}
{{- else -}}
{{- $_ := set $output "index" (include "log-sidecar.outputName" (dict "root" .root "sidecar" .sidecar "text" $block.index)) -}}
{{- end -}}
{{- with $block.path -}}
{{- $_ := set $output "path" . -}}
{{- end -}}
{{- if $block.gzip -}}
{{- $_ := set $output "compress" "gzip" -}}
{{- end -}}
{{- $address := include "log-sidecar.outputAddress" . | fromYaml -}}
{{- merge $output $address (include "log-sidecar.outputLogin" . | fromYaml) | toYaml -}}
{{- end -}}

{{/*
By Fluent Bit's output for OpenSearch, whose bulk API is the same: that for Elasticsearch (es, 5.1.1) takes a request for
done as soon as one of its documents was taken, and loses the others; and tries for ever when all were there already.
*/}}
{{- define "log-sidecar.output.elasticsearch" -}}
{{- $block := .root.Values.output.elasticsearch -}}
{{- include "log-sidecar.outputBulk" (dict "root" .root "sidecar" .sidecar "block" $block) -}}
{{- end -}}

{{- define "log-sidecar.output.opensearch" -}}
{{- $block := .root.Values.output.opensearch -}}
{{- $output := include "log-sidecar.outputBulk" (dict "root" .root "sidecar" .sidecar "block" $block) | fromYaml -}}
{{- if $block.aws.enabled -}}
{{- /* "true" would be taken for no. */ -}}
{{- $_ := set $output "aws_auth" "On" -}}
{{- $_ := set $output "aws_region" ($block.aws.region | default "${AWS_REGION}") -}}
{{- $_ := set $output "aws_service_name" $block.aws.service -}}
{{- with $block.aws.roleArn -}}
{{- $_ := set $output "aws_role_arn" . -}}
{{- end -}}
{{- end -}}
{{- $output | toYaml -}}
{{- end -}}

{{/* An HTTP POST of JSON: dict "root" $ "block" <map> "headers" <list of texts>; returns YAML. */}}
{{- define "log-sidecar.outputPost" -}}
{{- $output := dict
  "name" "http"
  "format" .block.format
  "json_date_key" "time"
  "json_date_format" "iso8601"
  "log_response_payload" false
  "net.io_timeout" "60s"
-}}
{{- if .block.gzip -}}
{{- $_ := set $output "compress" "gzip" -}}
{{- end -}}
{{- with .headers -}}
{{- $_ := set $output "header" . -}}
{{- end -}}
{{- merge $output (include "log-sidecar.outputAddress" . | fromYaml) | toYaml -}}
{{- end -}}

{{- define "log-sidecar.output.sumologic" -}}
{{- $block := .root.Values.output.sumologic -}}
{{- $headers := list -}}
{{- range $header, $text := dict "X-Sumo-Category" $block.sourceCategory "X-Sumo-Host" $block.sourceHost "X-Sumo-Name" $block.sourceName -}}
{{- if $text -}}
{{- $headers = append $headers (printf "%s %s" $header (include "log-sidecar.outputName" (dict "root" $.root "sidecar" $.sidecar "text" $text))) -}}
{{- end -}}
{{- end -}}
{{- $post := merge (dict "format" "json_lines" "tls" (dict "enabled" true "verify" true)) $block -}}
{{- include "log-sidecar.outputPost" (dict "root" .root "block" $post "headers" $headers) -}}
{{- end -}}

{{- define "log-sidecar.output.http" -}}
{{- $block := .root.Values.output.http -}}
{{- $headers := list -}}
{{- range $header, $text := $block.headers -}}
{{- $headers = append $headers (printf "%s %s" $header $text) -}}
{{- end -}}
{{- range $header, $_ := $block.secretHeaders -}}
{{- $headers = append $headers (printf "%s ${%s}" $header (include "log-sidecar.headerVariable" $header)) -}}
{{- end -}}
{{- $output := include "log-sidecar.outputPost" (dict "root" .root "block" $block "headers" $headers) | fromYaml -}}
{{- merge $output (include "log-sidecar.outputLogin" (dict "block" $block) | fromYaml) (dict "uri" $block.path) | toYaml -}}
{{- end -}}

{{- define "log-sidecar.output.forward" -}}
{{- $block := .root.Values.output.forward -}}
{{- $output := dict "name" "forward" "require_ack_response" $block.requireAck "net.io_timeout" "60s" -}}
{{- if $block.sharedKey.name -}}
{{- $_ := set $output "shared_key" "${OUTPUT_SHARED_KEY}" -}}
{{- $_ := set $output "self_hostname" "${OUTPUT_POD}" -}}
{{- end -}}
{{- if $block.username.name -}}
{{- $_ := set $output "username" "${OUTPUT_USERNAME}" -}}
{{- $_ := set $output "password" "${OUTPUT_PASSWORD}" -}}
{{- end -}}
{{- with $block.tag -}}
{{- $_ := set $output "tag" (include "log-sidecar.outputName" (dict "root" $.root "sidecar" $.sidecar "text" .)) -}}
{{- end -}}
{{- merge $output (include "log-sidecar.outputAddress" (dict "root" .root "sidecar" .sidecar "block" $block) | fromYaml) | toYaml -}}
{{- end -}}

{{/*
The outputs: dict "root" $ "sidecar" <map>; returns YAML, a list under the key `outputs`. With one worker chunks seldom
overtake each other, but large ones and those that are tried again do: `offset` says where a record stood.
*/}}
{{- define "log-sidecar.fluentBitOutputs" -}}
{{- $settings := .root.Values.output -}}
{{- $type := $settings.type -}}
{{- $output := include (printf "log-sidecar.output.%s" $type) (dict "root" .root "sidecar" .sidecar) | fromYaml -}}
{{- if eq $type "stdout" -}}
{{- $_ := set $output "retry_limit" "no_limits" -}}
{{- else -}}
{{- $own := dict
  "alias" $type
  "match" "*"
  "workers" 1
  "retry_limit" (ternary $settings.retries ($settings.retries | int) (kindIs "string" $settings.retries))
  "storage.total_limit_size" $settings.buffer.maxSize
-}}
{{- $output = merge $output $own -}}
{{- end -}}
{{- dict "outputs" (list $output) | toYaml -}}
{{- end -}}
