{{- define "observability-stack.eventsNotes" -}}
{{- if .Values.events.enabled -}}
{{- $minutes := int .Values.events.lookbackMinutes -}}
{{- $name := include "observability-stack.componentName" (dict "root" . "component" "events") -}}
One pod collects the Kubernetes events of the cluster:

  kubectl logs --namespace {{ .Release.Namespace }} deployment/{{ $name }}
{{- range include "observability-stack.fluentBitOutputs" (dict "root" . "component" "events") | fromJsonArray }}
{{- if .log_group_name }}

Why pods were evicted, killed or not scheduled in the last hour:

  aws logs tail {{ .log_group_name }} --region {{ .region }} --since 1h --filter-pattern '{ $.type = "Warning" }'
{{- end }}
{{- end }}

An event that repeats itself arrives when it first occurs, and then every {{ $minutes }} minutes with its current count.
{{- if ne .Values.events.persistence.type "persistentVolumeClaim" }} A new pod, after an upgrade or on another node, sends the events of the last {{ $minutes }} minutes again, because the IDs of sent events are deleted with the pod. To keep them, set events.persistence.type: persistentVolumeClaim.
{{- end }}
{{- include "observability-stack.outputNotes" (dict "root" . "component" "events" "who" "the collector of events" "workload" (printf "deployment/%s" $name)) }}
{{- end -}}
{{- end -}}
