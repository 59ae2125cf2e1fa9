{{/* Messages about the outputs themselves, as of shared.runChecks. The schema checks names, types and what a type requires. */}}

{{/*
dict "root" $ "outputs" <of shared.outputs> "types" <data of shared.outputTypes> "names" <texts by placeholder> "aws" <values of that
name> and, where {file} is a placeholder too, "files" true; for Fluent Bit 1.9.10, "legacy" true; if credentials are those of a
service account's role, "irsa" <path and value that select other ones>.
*/}}
{{- define "shared.checkOutputs" -}}
{{- include "shared.reject" (list (not .outputs) "No output is enabled: nothing would be delivered. Write for example:" "outputs.logs.type" "cloudwatch") }}
{{- range $output := .outputs }}
{{- $place := printf "outputs.%s" .name }}
{{- $options := (get $.types .type).options }}
{{- include "shared.reject" (list (and $.legacy (get $.types .type).since5)
  (printf "`%s.type` is %s, which Fluent Bit 1.9.10 does not support. Use Fluent Bit 5, or another type." $place .type) "profile" "upstream" (printf "%s.type" $place) "http") }}
{{- range $name, $option := $options }}
{{- $value := (include "shared.at" (dict "values" $output "path" $name) | fromJson).value }}
{{- include "shared.checkOutputOption" (dict "path" (printf "%s.%s" $place $name) "option" $option "value" $value "checks" $) }}
{{- range $key, $text := $option.pairs | empty | ternary dict (default dict $value) }}
{{- include "shared.checkOutputOption" (dict "path" (printf "%s.%s.%s" $place $name $key) "option" (omit $option "since5") "value" $text "checks" $) }}
{{- end }}
{{- end }}
{{- $sources := list }}
{{- range list "caFile" "caSecret" "caConfigMap" }}{{ if dig "tls" . "" $output }}{{ $sources = append $sources . }}{{ end }}{{ end }}
{{- $source := first (append $sources "caFile") }}
{{- include "shared.reject" (list (gt (len $sources) 1) (printf "`%s.tls` has %s, and one CA certificate is used. Keep one of them:" $place (join " and " $sources))
  (printf "%s.tls.%s" $place $source) (dig "tls" $source "" .)) }}
{{- if eq .type "cloudwatch" }}
{{- $own := and (ne .logStreamName ($options.logStreamName.default | default "")) (ne .logStreamPrefix ($options.logStreamPrefix.default | default "")) }}
{{- $which := empty .logStreamName | ternary "neither logStreamName nor logStreamPrefix" "both logStreamName and logStreamPrefix" }}
{{- include "shared.reject" (list (or (not (or .logStreamName .logStreamPrefix)) (and $own .logStreamName .logStreamPrefix))
  (printf "`%s` has %s, and CloudWatch Logs needs one of them." $place $which)
  (printf "%s.logStreamPrefix" $place) "{node}-" (printf "%s.logStreamName" $place) "{node}") }}
{{- end }}
{{- $region := replace "{region}" $.names.region (get . "region" | default "") }}
{{- include "shared.reject" (list (and .signs (or $.aws.useFipsEndpoints $.aws.useDualStackEndpoints) (contains "$" $region))
  (printf "`aws` selects endpoints whose names contain the Region, but `%s.region` is not set." $place)
  (printf "%s.region" $place) "us-east-1") }}
{{- include "shared.reject" (list (and $.aws.useFipsEndpoints (eq .type "s3") (hasPrefix "cn-" $region))
  (printf "`aws.useFipsEndpoints` is on, but S3 has no FIPS endpoints in %s." $region) "aws.useFipsEndpoints" false) }}
{{- include "shared.reject" (list (and .externalId (not .roleArn)) (printf "`%s.externalId` is set without a role to assume." $place)
  (printf "%s.roleArn" $place) "arn:aws:iam::444455556666:role/logs") }}
{{- include "shared.reject" (list (and .awsAuth .httpUser) (printf "`%s` signs requests (awsAuth) and has a user (httpUser); a request carries one of them." $place)
  (printf "%s.awsAuth" $place) false $place (dict "httpUser" nil "httpPasswd" nil)) }}
{{- range $header, $_ := get . "headers" | default dict }}
{{- include "shared.reject" (list (include "shared.isCredential" $header)
  (printf "`%s.headers` contains %s, a credential, which everyone who can read ConfigMaps would see. Create a Secret, and name its key." $place $header)
  $place (dict "headers" (dict $header nil) "secretHeaders" (dict $header (dict "name" "my-secret" "key" "header")))) }}
{{- end }}
{{- if eq .type "kafka" }}{{ include "shared.checkKafkaOutput" (dict "root" $.root "output" . "place" $place "irsa" $.irsa) }}{{ end }}
{{- $options := get . "options" | default dict }}
{{- $ignores := has (dig "net.proxy_env_ignore" "" $options | toString | lower) (list "1" "on" "true" "yes") }}
{{- include "shared.rejectDirect" (dict "root" $.root "hosts" (ternary (list (dig "host" "127.0.0.1" $options | toString)) list $ignores)
  "problem" (printf "`%s` sets net.proxy_env_ignore, so that it bypasses the proxy" $place)) }}
{{- if eq .type "custom" }}{{ include "shared.checkCustomOutput" (dict "output" . "place" $place "types" $.types) }}{{ end }}
{{- include "shared.reject" (list (and .licenseKey .apiKey) (printf "`%s` has a licenseKey and an apiKey, and a request carries one of them. Remove one of them, for example:" $place)
  (printf "%s.apiKey" $place) nil) }}
{{- end }}
{{- end -}}

{{/* Whether a header is a credential by its name. */}}
{{- define "shared.isCredential" -}}
{{- if regexMatch "(?i)^((proxy-)?authorization|cookie)$|(api|access|auth|license|insert|subscription)-?key$|token|secret|password" . }}true{{ end -}}
{{- end -}}

{{/* One option: dict "path" <of its value> "option" <data of shared.outputTypes> "value" "checks" <as for shared.checkOutputs>. */}}
{{- define "shared.checkOutputOption" -}}
{{- $text := ternary .value "" (kindIs "string" .value) -}}
{{- if .option.placeholders }}
{{- $known := keys .checks.names | sortAlpha }}
{{- if and .checks.files (regexMatch "\\.log[A-Za-z]*Name$" .path) }}{{ $known = append $known "file" }}{{ end }}
{{- range regexFindAll "\\{[a-z]+\\}" $text -1 }}
{{- include "shared.reject" (list (not (has (trimAll "{}" .) $known))
  (printf "`%s` is %q, and %s is not filled in there. Use {%s}, for example:" $.path $text . (join "}, {" $known))
  $.path (replace . (printf "{%s}" (first $known)) $text)) }}
{{- end }}
{{- end }}
{{- include "shared.reject" (list (and .checks.legacy .option.since5 .value (ne (toString .value) (toString .option.default)))
  (printf "`%s` is %v, which Fluent Bit 1.9.10 does not support." .path .value) "profile" "upstream") }}
{{- $variable := "\\$[A-Za-z_][A-Za-z0-9_]*(\\['[A-Za-z0-9_./-]+'\\])*" }}
{{- include "shared.reject" (list (and (hasSuffix "Template" .path) (regexMatch (printf "%s[^A-Za-z0-9_.,\\[]" $variable) $text))
  (printf "`%s` is %q, and Fluent Bit ends a record accessor only at a dot, a comma or the end." .path $text)
  .path (regexReplaceAll (printf "(%s)[/#-]+" $variable) $text "${1}.")) }}
{{- end -}}
