{{/* What an install with this part prints: how to see that it works, its policy, and what an uninstall leaves in AWS. */}}
{{- define "observability-stack.eventsNotes" -}}
{{- if .Values.events.enabled -}}
{{- $output := include "observability-stack.eventsOutput" . | fromJson -}}
{{- $minutes := int .Values.events.lookbackMinutes -}}
{{- $name := include "observability-stack.componentName" (dict "root" . "component" "events") -}}
Kubernetes events are collected once for the cluster:

  kubectl logs --namespace {{ .Release.Namespace }} deployment/{{ $name }}
{{- with $output.log_group_name }}

Why pods were evicted, killed or not placed in the last hour:

  aws logs tail {{ . }} --region {{ $.Values.cluster.region }} --since 1h --filter-pattern '{ $.type = "Warning" }'
{{- end }}

An event that repeats itself arrives when it first occurs, and then once in {{ $minutes }} minutes, with the count that it has by then.
{{- if ne .Values.events.persistence.type "claim" }} Which events were sent is known as long as the pod is the same: a new one, after an upgrade or on another node, sends those of the last {{ $minutes }} minutes again (events.persistence.type: claim is the remedy).
{{- end }}
{{- include "observability-stack.logDestinationNotes" (dict "root" . "outputs" (list $output) "account" "events" "component" "events" "who" "the collector of events" "workload" (printf "deployment/%s" $name)) }}
{{- end -}}
{{- end -}}
