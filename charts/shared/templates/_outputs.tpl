{{/*
Outputs: `outputs` of the values, which of them apply, and each as an [OUTPUT] section of Fluent Bit. What a type accepts
and which options its values set is data: `shared.outputTypes`, generated from charts/shared/outputs.yaml.
*/}}

{{/* The value at a path such as `tls.verify`, empty if it is missing: dict "values" <map> "path" <path>; returns JSON. */}}
{{- define "shared.at" -}}
{{- $found := .values -}}
{{- range splitList "." .path }}{{ $found = kindIs "map" $found | ternary $found dict | dig . "" }}{{ end -}}
{{- dict "value" $found | toJson -}}
{{- end -}}

{{/*
The outputs that are enabled, by name and with the defaults of their types, as a JSON list. Each also has `name`, `variable`
(what the environment variables of its secrets begin with), `secrets` (paths of its options that can be secrets), `place` (where its records end up) and `signs` (whether it requests AWS
credentials). Argument: the root.
*/}}
{{- define "shared.outputs" -}}
{{- $types := include "shared.outputTypes" . | fromJson -}}
{{- $outputs := list -}}
{{- range $name, $given := .Values.outputs -}}
{{- if and $given (dig "enabled" true $given) -}}
{{- $output := deepCopy $given -}}
{{- $secrets := list "url" -}}
{{- range $path, $option := (get $types $given.type).options -}}
{{- if $option.secret }}{{ $secrets = append $secrets $path }}{{ end -}}
{{- $steps := splitList "." $path -}}
{{- $parent := $output -}}
{{- range initial $steps -}}
{{- if not (kindIs "map" (get $parent .)) }}{{ $_ := set $parent . dict }}{{ end -}}
{{- $parent = get $parent . -}}
{{- end -}}
{{- if not (hasKey $parent (last $steps)) }}{{ $_ := set $parent (last $steps) (get $option "default") }}{{ end -}}
{{- end -}}
{{- with (get $types $given.type).siteHost }}{{ $_ := set $output "host" ($output.host | default (printf . $output.site)) }}{{ end -}}
{{- $variable := printf "OUTPUT_%s__" ($name | upper | replace "-" "_") -}}
{{- $place := list $given.type -}}
{{- range (get $types $given.type).destination }}{{ $place = append $place (get $output .) }}{{ end -}}
{{- $outputs = append $outputs (mergeOverwrite $output (dict "name" $name "variable" $variable "secrets" $secrets "place" (toJson $place) "signs" (or (get $types $given.type).service (get $output "awsAuth") (get $output "awsMskIamClusterArn") | empty | not))) -}}
{{- end -}}
{{- end -}}
{{- if .Values.tenants }}{{ $outputs = include "shared.tenantOutputs" (dict "root" . "outputs" $outputs) | fromJsonArray }}{{ end -}}
{{- $outputs | toJson -}}
{{- end -}}

{{/*
Secrets of the outputs: variable, Secret and key, as environment of a container. Argument: the outputs; returns a YAML list.
*/}}
{{- define "shared.outputEnv" -}}
{{- $env := list -}}
{{- range $output := . -}}
{{- $secrets := dict -}}
{{- range $path := $output.secrets -}}
{{- $secret := get $output $path -}}
{{- if and $secret (kindIs "map" $secret) }}{{ $_ := set $secrets (snakecase $path | upper) $secret }}{{ end -}}
{{- end -}}
{{- range $header, $secret := $output.secretHeaders | default dict -}}
{{- $_ := set $secrets (printf "HEADER_%s" ($header | upper | replace "-" "_")) $secret -}}
{{- end -}}
{{- range $option, $secret := $output.secretOptions | default dict -}}
{{- $_ := set $secrets (include "shared.optionVariable" (dict "output" $output "option" $option) | trimPrefix $output.variable) $secret -}}
{{- end -}}
{{- range $suffix, $secret := $secrets -}}
{{- $env = append $env (dict "name" (printf "%s%s" $output.variable $suffix) "valueFrom" (dict "secretKeyRef" (pick $secret "name" "key"))) -}}
{{- end -}}
{{- end -}}
{{- if $env }}{{ toYaml $env }}{{ end -}}
{{- end -}}

{{/* Volumes with the CA certificates of the outputs, <prefix><output>. dict "outputs" <list> "prefix" <name>; returns a YAML list. */}}
{{- define "shared.outputVolumes" -}}
{{- $volumes := list -}}
{{- range .outputs -}}
{{- $source := dict -}}
{{- with dig "tls" "caSecret" "" . }}{{ $source = dict "secret" (dict "secretName" .name "items" (list (dict "key" .key "path" "ca.crt"))) }}{{ end -}}
{{- with dig "tls" "caConfigMap" "" . }}{{ $source = dict "configMap" (dict "name" .name "items" (list (dict "key" .key "path" "ca.crt"))) }}{{ end -}}
{{- if $source }}{{ $volumes = append $volumes (merge (dict "name" (printf "%s%s" $.prefix .name)) $source) }}{{ end -}}
{{- end -}}
{{- if $volumes }}{{ toYaml $volumes }}{{ end -}}
{{- end -}}

{{/* Mounts of these volumes at <directory>/<output>: as above, with "directory", and "separator" if it is not a slash. */}}
{{- define "shared.outputMounts" -}}
{{- $mounts := list -}}
{{- range .outputs -}}
{{- if or (dig "tls" "caSecret" "" .) (dig "tls" "caConfigMap" "" .) -}}
{{- $mounts = append $mounts (dict "name" (printf "%s%s" $.prefix .name) "mountPath" (list $.directory .name | compact | join ($.separator | default "/")) "readOnly" true) -}}
{{- end -}}
{{- end -}}
{{- if $mounts }}{{ toYaml $mounts }}{{ end -}}
{{- end -}}

{{/*
Name of an output in metrics: dict "type" "name". An error of S3 is an upload that will be repeated, one of any other output a
chunk that is dropped: alerts tell them apart by this name.
*/}}
{{- define "shared.outputAlias" -}}
{{ .name }}{{ if eq .type "s3" }}.s3{{ end }}
{{- end -}}

{{/*
One output as Fluent Bit's section, without alias and match; returns JSON. dict "output" <of shared.outputs> "types" <data
of shared.outputTypes> "names" <texts by placeholder> "caDirectory" <where shared.outputMounts mounts> and, where they
apply, "labels" (whether records have those of pods), "aws" (the values of that name), "separator" (of paths), "legacy" (Fluent Bit 1.9.10), "storeDir" (of the s3 output),
"limit" (of the storage, if the output sets none), "trust" (of shared.trust).
*/}}
{{- define "shared.fluentBitOutput" -}}
{{- $output := .output -}}
{{- $type := get .types $output.type -}}
{{- $section := merge (dict "name" ($type.plugin | default $output.plugin)) ($type.fixed | default dict) -}}
{{- if .legacy -}}
{{- /* Fluent Bit 1.9.10 does not know it. */ -}}
{{- $_ := unset $section "net.io_timeout" -}}
{{- else if ne $output.type "stdout" -}}
{{- $_ := set $section "workers" 1 -}}
{{- end -}}
{{- $url := dig "url" "" $output -}}
{{- $tls := or $url (dig "tls" "enabled" true $output) -}}
{{- $headers := list -}}
{{- range $path, $option := $type.options -}}
{{- $value := (include "shared.at" (dict "values" $output "path" $path) | fromJson).value -}}
{{- if and $option.empty (eq (toString $value) "") }}{{ $value = $option.empty }}{{ end -}}
{{- $on := or (not $option.when) (eq $option.when "tls" | ternary $tls (get $output ($option.when | default ""))) -}}
{{- if and $on (not (and $.legacy $option.since5)) (not (has (toString $value) (list "" "0" "<nil>" "map[]" "[]"))) -}}
{{- if $option.pairs -}}
{{- $pairs := list -}}
{{- range $name, $text := $value }}{{ $pairs = append $pairs (printf "%s%s%s" $name $option.pairs $text) }}{{ end -}}
{{- $value = $pairs -}}
{{- end -}}
{{- if $option.joined }}{{ $value = join "," $value }}{{ end -}}
{{- if $option.placeholders }}{{ range $word, $text := $.names }}{{ $value = replace (printf "{%s}" $word) $text $value }}{{ end }}{{ end -}}
{{- if and $option.secret (kindIs "map" $value) -}}
{{- $_ := set $section $option.option (printf "${%s%s}" $output.variable (snakecase $path | upper)) -}}
{{- else if $option.file -}}
{{- $_ := set $section $option.option (list $.caDirectory $output.name "ca.crt" | join ($.separator | default "/")) -}}
{{- else if $option.header -}}
{{- $headers = append $headers (printf "%s %s" $option.header $value) -}}
{{- else if eq $path "headers" -}}
{{- range $header, $text := $value }}{{ $headers = append $headers (printf "%s %s" $header $text) }}{{ end -}}
{{- else if eq $path "secretHeaders" -}}
{{- range $header, $_ := $value }}{{ $headers = append $headers (printf "%s ${%sHEADER_%s}" $header $output.variable ($header | upper | replace "-" "_")) }}{{ end -}}
{{- else if $option.option -}}
{{- $_ := set $section $option.option (kindIs "float64" $value | ternary (int $value) $value) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- with $headers }}{{ $_ := set $section "header" . }}{{ end -}}
{{- if $url -}}
{{- /* The sidecar's script splits the URL. */ -}}
{{- range $option := list "host" "port" "uri" "tls" }}{{ $_ := set $section $option (printf "${%s%s}" $output.variable (upper $option)) }}{{ end -}}
{{- end -}}
{{- $trust := .trust | default dict -}}
{{- if .legacy }}{{ $trust = omit $trust "tls.proxy.ca_file" }}{{ end -}}
{{- if or (not (hasKey $section "tls.verify")) (get $section "tls.ca_file") }}{{ $trust = omit $trust "tls.ca_file" }}{{ end -}}
{{- if ne $output.type "stdout" }}{{ $section = merge $section $trust }}{{ end -}}
{{- if and (not .legacy) (hasKey $section "tls.verify") }}{{ $_ := set $section "tls.verify_hostname" (get $section "tls.verify") }}{{ end -}}
{{- /* The plugin parses this option itself and knows the words On and Off only. */ -}}
{{- if hasKey $section "aws_auth" }}{{ $_ := set $section "aws_auth" (ternary "On" "Off" $section.aws_auth) }}{{ end -}}
{{- /* Fluent Bit 1.9.10 signs for a domain and does not know the option. */ -}}
{{- if and .legacy (eq (dig "awsServiceName" "es" $output) "es") }}{{ $_ := unset $section "aws_service_name" }}{{ end -}}
{{- /* Fluent Bit only has hosts of its own for the usual endpoints. */ -}}
{{- $region := $section.region | default $section.aws_region -}}
{{- if and $region (or .aws.useFipsEndpoints .aws.useDualStackEndpoints) -}}
{{- $hosts := dict (ternary "aws_sts_endpoint" "sts_endpoint" (hasKey $section "aws_region")) (include "shared.awsHost" (dict "aws" .aws "service" "sts" "region" $region)) -}}
{{- with $type.service }}{{ $_ := set $hosts "endpoint" (include "shared.awsHost" (dict "aws" $.aws "service" . "region" $region)) }}{{ end -}}
{{- if and .aws.useDualStackEndpoints (not .legacy) }}{{ $_ := set $hosts "net.dns.prefer_ipv6" true }}{{ end -}}
{{- $section = merge $section $hosts -}}
{{- end -}}
{{- if eq (get $section "replace_dots" | toString) "auto" }}{{ $_ := unset $section "replace_dots" }}{{ if .labels }}{{ $_ := set $section "replace_dots" true }}{{ end }}{{ end -}}
{{- /* A request over a connection that gRPC has used hangs until it times out (5.1.1). */ -}}
{{- if $section.grpc }}{{ $_ := set $section "net.keepalive" false }}{{ end -}}
{{- if $section.shared_key }}{{ $_ := set $section "self_hostname" (get .names "pod" | default (get .names "node")) }}{{ end -}}
{{- $limit := get $section "storage.total_limit_size" | default (.limit | default "") -}}
{{- if $limit }}{{ $_ := set $section "storage.total_limit_size" $limit }}{{ end -}}
{{- if eq $output.type "s3" -}}
{{- /* It stores waiting data itself; what does not fit waits as for other outputs. */ -}}
{{- $_ := set $section "store_dir" .storeDir -}}
{{- if $limit }}{{ $_ := set $section "store_dir_limit_size" $limit }}{{ end -}}
{{- end -}}
{{- $streams := get $type.options "logStreamTemplate" | default dict -}}
{{- if and $section.log_stream_name (ne $section.log_stream_name (get $type.options "logStreamName").default) (eq $output.logStreamTemplate (toString $streams.default)) }}{{ $_ := unset $section "log_stream_template" }}{{ end -}}
{{- /* The plugin accepts a name or a prefix of the stream: the one that is not the type's default. */ -}}
{{- if and $section.log_stream_name $section.log_stream_prefix -}}
{{- $default := (get $type.options "logStreamName").default -}}
{{- $_ := unset $section (ternary "log_stream_name" "log_stream_prefix" (eq $output.logStreamName (toString $default))) -}}
{{- end -}}
{{- /* A file's name is its tag, which only templates know; the plugin also requires a name to fall back to. */ -}}
{{- range $option := list "log_group" "log_stream" -}}
{{- $name := get $section (printf "%s_name" $option) | default "" -}}
{{- if contains "{file}" $name -}}
{{- $_ := set $section (printf "%s_template" $option) (replace "{file}" "$TAG" $name) -}}
{{- $_ := set $section (printf "%s_name" $option) (replace "{file}" "files" $name) -}}
{{- end -}}
{{- end -}}
{{- if eq $output.type "kafka" }}{{ $section = include "shared.kafkaSection" (dict "output" $output "section" $section "trust" .trust) | fromJson }}{{ end -}}
{{- if eq $output.type "custom" }}{{ $section = include "shared.customSection" (dict "output" $output "section" $section "names" .names "storeDir" .storeDir) | fromJson }}{{ end -}}
{{- $section | toJson -}}
{{- end -}}
