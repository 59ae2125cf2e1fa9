{{/* The Job specification, for Jobs and CronJobs. */}}

{{- define "log-sidecar.jobSpec" -}}
{{- $job := .Values.app.job -}}
backoffLimit: {{ $job.backoffLimit | int64 }}
completions: {{ $job.completions | int64 }}
parallelism: {{ $job.parallelism | int64 }}
{{- if not (kindIs "invalid" $job.activeDeadlineSeconds) }}
activeDeadlineSeconds: {{ $job.activeDeadlineSeconds | int64 }}
{{- end }}
{{- if not (kindIs "invalid" $job.ttlSecondsAfterFinished) }}
ttlSecondsAfterFinished: {{ $job.ttlSecondsAfterFinished | int64 }}
{{- end }}
template:
  {{- include "log-sidecar.podTemplate" . | nindent 2 }}
{{- end -}}
