{{/* Settings of log groups that Fluent Bit does not support: the KMS key and the tags of outputs. */}}

{{/* Names of the log groups of an output, with `*` for what depends on the record: dict "output" "pipelines" "names", as below; returns a JSON list. */}}
{{- define "shared.groupsOfOutput" -}}
{{- $groups := list -}}
{{- range $pipeline := dig "match" "pipelines" list .output | default .pipelines -}}
{{- range compact (list $.output.logGroupName $.output.logGroupTemplate) -}}
{{- $group := replace "{pipeline}" $pipeline . -}}
{{- range $word, $text := $.names }}{{ $group = replace (printf "{%s}" $word) $text $group }}{{ end -}}
{{- $groups = append $groups (regexReplaceAll "(\\$[A-Za-z_{]|[*{]).*$" $group "*") -}}
{{- end -}}
{{- end -}}
{{- $groups | uniq | toJson -}}
{{- end -}}

{{/*
Commands that set them, or nothing: dict "outputs" <of shared.outputs> "pipelines" <names> "names" <texts by placeholder>
"partition", "region" <parts of ARNs>.
*/}}
{{- define "shared.logGroupNotes" -}}
{{- range $output := .outputs }}
{{- if and (eq .type "cloudwatch") (or .kmsKeyId .tags) }}
{{- $region := replace "{region}" $.region .region }}
{{- $at := printf "--region %s --log-group-name" $region }}
{{- $tags := list }}
{{- range $key, $text := .tags | default dict }}{{ $tags = append $tags (printf "%s=%s" $key $text) }}{{ end }}

Fluent Bit creates log groups without the KMS key and the tags of outputs.{{ .name }}. Create the groups before records arrive, and change those that exist (ACCOUNT is their AWS account ID):
{{ range include "shared.groupsOfOutput" (dict "output" . "pipelines" $.pipelines "names" $.names) | fromJsonArray }}
{{- $name := . }}
{{- $indent := "  " }}
{{- if hasSuffix "*" . }}
{{- $name = "\"$group\"" }}
{{- $indent = "    " }}
  for group in $(aws logs describe-log-groups --region {{ $region }}{{ with trimSuffix "*" . }} --log-group-name-prefix {{ . }}{{ end }} --query 'logGroups[].logGroupName' --output text); do
{{- else }}
  aws logs create-log-group {{ $at }} {{ . }}{{ if eq $output.logGroupClass "INFREQUENT_ACCESS" }} --log-group-class INFREQUENT_ACCESS{{ end }}
{{- with $output.logRetentionDays }}
  aws logs put-retention-policy {{ $at }} {{ $name }} --retention-in-days {{ . }}
{{- end }}
{{- end }}
{{- with $output.kmsKeyId }}
{{ $indent }}aws logs associate-kms-key {{ $at }} {{ $name }} --kms-key-id {{ . }}
{{- end }}
{{- with $tags }}
{{ $indent }}aws logs tag-resource --region {{ $region }} --resource-arn arn:{{ $.partition }}:logs:{{ $region }}:ACCOUNT:log-group:{{ $name }} --tags {{ join "," . }}
{{- end }}
{{- if hasSuffix "*" . }}
  done
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}
