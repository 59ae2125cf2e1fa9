{{/* Messages about the outputs themselves, as of shared.runChecks. The schema checks names, types and what a type requires. */}}

{{/*
dict "outputs" <of shared.outputs> "types" <data of shared.outputTypes> "names" <texts by placeholder> and, where {file} is
one too, "files" true; for Fluent Bit 1.9.10, "legacy" true.
*/}}
{{- define "shared.checkOutputs" -}}
{{- if not .outputs }}
No output is enabled: nothing would be delivered. Write for example:
outputs:
  logs:
    type: cloudwatch{{ "\f" }}
{{- end }}
{{- range $output := .outputs }}
{{- range $path, $option := (get $.types .type).options }}
{{- $text := (include "shared.at" (dict "values" $output "path" $path) | fromJson).value }}
{{- if and $option.placeholders (kindIs "string" $text) }}
{{- $known := concat (keys $.names | sortAlpha) (and $.files (regexMatch "^log.*Name$" $path) | default false | ternary (list "file") list) }}
{{- range regexFindAll "\\{[a-z]+\\}" $text -1 }}
{{- if not (has (trimAll "{}" .) $known) }}
outputs.{{ $output.name }}.{{ $path }} is {{ $text | quote }}, and {{ . }} is not filled in there. Use {{ range $index, $name := $known }}{{ if $index }}, {{ end }}{ {{- $name -}} }{{ end }}, for example:
outputs:
  {{ $output.name }}:
    {{ $path }}: {{ replace . (printf "{%s}" (first $known)) $text | quote }}{{ "\f" }}
{{- end }}
{{- end }}
{{- end }}
{{- if and $.legacy $option.since5 $text (ne (toString $text) (toString $option.default)) }}
outputs.{{ $output.name }}.{{ $path }} is {{ $text }}, which Fluent Bit 1.9.10 does not support. Write:
profile: upstream{{ "\f" }}
{{- end }}
{{- if hasSuffix "Template" $path }}
{{- $variable := "\\$[A-Za-z_][A-Za-z0-9_]*(\\['[A-Za-z0-9_./-]+'\\])*" }}
{{- if regexMatch (printf "%s[^A-Za-z0-9_.,\\[]" $variable) ($text | default "") }}
outputs.{{ $output.name }}.{{ $path }} is {{ $text | quote }}, and Fluent Bit ends a record accessor only at a dot, a comma or the end. Write:
outputs:
  {{ $output.name }}:
    {{ $path }}: {{ regexReplaceAll (printf "(%s)[/#-]+" $variable) $text "${1}." | quote }}{{ "\f" }}
{{- end }}
{{- end }}
{{- end }}
{{- $sources := list }}
{{- range list "caFile" "caSecret" "caConfigMap" }}{{ if dig "tls" . "" $output }}{{ $sources = append $sources . }}{{ end }}{{ end }}
{{- if gt (len $sources) 1 }}
outputs.{{ .name }}.tls has {{ join " and " $sources }}, and one CA certificate is used. Keep one of them:
outputs:
  {{ .name }}:
    tls:
      {{ first $sources }}: {{ dig "tls" (first $sources) "" . | toJson }}{{ "\f" }}
{{- end }}
{{- if eq .type "cloudwatch" }}
{{- $options := (get $.types .type).options }}
{{- $own := and (ne .logStreamName ($options.logStreamName.default | default "")) (ne .logStreamPrefix ($options.logStreamPrefix.default | default "")) }}
{{- if or (not (or .logStreamName .logStreamPrefix)) (and $own .logStreamName .logStreamPrefix) }}
outputs.{{ .name }} has {{ ternary "both" "neither" (ne .logStreamName "") }} logStreamName {{ ternary "and" "nor" (ne .logStreamName "") }} logStreamPrefix, and CloudWatch Logs needs one of them. Write one of:
outputs:
  {{ .name }}:
    logStreamPrefix: "{node}-"
outputs:
  {{ .name }}:
    logStreamName: "{node}"{{ "\f" }}
{{- end }}
{{- end }}
{{- if and .externalId (not .roleArn) }}
outputs.{{ .name }}.externalId is set without a role to assume. Write:
outputs:
  {{ .name }}:
    roleArn: arn:aws:iam::444455556666:role/logs{{ "\f" }}
{{- end }}
{{- if and .awsAuth .httpUser }}
outputs.{{ .name }} signs requests (awsAuth) and has a user (httpUser); a request carries one of them. Write one of:
outputs:
  {{ .name }}:
    awsAuth: false
outputs:
  {{ .name }}:
    httpUser: null
    httpPasswd: null{{ "\f" }}
{{- end }}
{{- end }}
{{- end -}}
