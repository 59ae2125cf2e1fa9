{{/* What two kinds of workload share. */}}

{{- define "log-sidecar.jobSpec" -}}
{{- $job := .Values.app.job -}}
backoffLimit: {{ $job.backoffLimit }}
completions: {{ $job.completions }}
parallelism: {{ $job.parallelism }}
{{- if not (kindIs "invalid" $job.activeDeadlineSeconds) }}
activeDeadlineSeconds: {{ $job.activeDeadlineSeconds }}
{{- end }}
{{- if not (kindIs "invalid" $job.ttlSecondsAfterFinished) }}
ttlSecondsAfterFinished: {{ $job.ttlSecondsAfterFinished }}
{{- end }}
template:
  {{- include "log-sidecar.podTemplate" . | nindent 2 }}
{{- end -}}

{{- define "log-sidecar.claimSpec" -}}
{{- $claim := .Values.logs.volume.persistentVolumeClaim -}}
accessModes:
  {{- toYaml $claim.accessModes | nindent 2 }}
{{- with $claim.storageClassName }}
storageClassName: {{ . }}
{{- end }}
resources:
  requests:
    storage: {{ $claim.size }}
{{- end -}}
