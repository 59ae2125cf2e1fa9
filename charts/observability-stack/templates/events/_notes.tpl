{{/* Statements of the role that writes events, as a JSON list. */}}
{{- define "observability-stack.eventsStatements" -}}
{{- $events := .Values.events -}}
{{- $region := .Values.cluster.region -}}
{{- $actions := list "logs:CreateLogStream" "logs:PutLogEvents" -}}
{{- if $events.createGroup -}}
{{- $actions = prepend $actions "logs:CreateLogGroup" -}}
{{- if $events.retentionDays }}{{ $actions = append $actions "logs:PutRetentionPolicy" }}{{ end -}}
{{- end -}}
{{- $resource := printf "arn:%s:logs:%s:ACCOUNT:log-group:%s:*" (include "observability-stack.partition" $region) $region (include "observability-stack.eventsGroup" .) -}}
{{- list (dict "Effect" "Allow" "Action" $actions "Resource" (list $resource)) | toJson -}}
{{- end -}}

{{/* What an install with this part prints: how to see that it works, its policy, and what an uninstall leaves in AWS. */}}
{{- define "observability-stack.eventsNotes" -}}
{{- if .Values.events.enabled -}}
{{- $group := include "observability-stack.eventsGroup" . -}}
{{- $region := .Values.cluster.region -}}
{{- $name := include "observability-stack.name" (dict "root" . "component" "events") -}}
Kubernetes events go to the log group {{ $group }}. Why pods were evicted, killed or not placed, for example:

  aws logs tail {{ $group }} --region {{ $region }} --since 1h --filter-pattern '{ $.type = "Warning" }'

An event that repeats itself arrives when it first occurs, and then once in {{ .Values.events.lookbackMinutes | int }} minutes, with the count that it has by then.
{{- if ne .Values.events.persistence.type "claim" }} Which events were sent is known as long as the pod is the same: a new one, after an upgrade or on another node, sends those of the last {{ .Values.events.lookbackMinutes | int }} minutes again (events.persistence.type: claim is the remedy).
{{- end }}

The least policy of the role that writes them (ACCOUNT is your account's number):

{{ include "observability-stack.document" (include "observability-stack.eventsStatements" . | fromJsonArray) | indent 2 }}

{{ include "observability-stack.roleNotes" (dict "root" . "account" "events" "component" "events" "who" "the collector of events" "workload" (printf "deployment/%s" $name)) }}

An uninstall leaves the log group; this deletes it:

  aws logs delete-log-group --region {{ $region }} --log-group-name {{ $group }}
{{- end -}}
{{- end -}}
