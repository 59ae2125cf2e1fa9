{{/* Names and choices that several templates of this chart share; shared/ holds the helpers of all charts. */}}

{{/* Length limit of the full name: Kubernetes appends eleven characters to that of a StatefulSet or CronJob in a label. */}}
{{- define "log-sidecar.fullnameLimit" -}}
52
{{- end -}}

{{- define "log-sidecar.claimName" -}}
{{- default (printf "%s-logs" (include "log-sidecar.fullname" .)) .Values.logs.volume.persistentVolumeClaim.existingClaim -}}
{{- end -}}

{{- define "log-sidecar.serviceAccountName" -}}
{{- .Values.serviceAccount.name | default (ternary (include "log-sidecar.fullname" .) "default" .Values.serviceAccount.create) -}}
{{- end -}}

{{/* Whether the application's pod runs to completion: "true" for a Job or CronJob. */}}
{{- define "log-sidecar.runsToEnd" -}}
{{- if has .Values.app.kind (list "Job" "CronJob") }}true{{ end -}}
{{- end -}}

{{- define "log-sidecar.hasService" -}}
{{- if and .Values.app.enabled .Values.app.service.enabled (not (include "log-sidecar.runsToEnd" .)) }}true{{ end -}}
{{- end -}}

{{- define "log-sidecar.hasSidecarConfig" -}}
{{- if and .Values.app.enabled .Values.sidecar.enabled (ne .Values.sidecar.engine "tail") }}true{{ end -}}
{{- end -}}

{{- define "log-sidecar.engineKeepsState" -}}
{{- if has .Values.sidecar.engine (list "fluent-bit" "fluentd") }}true{{ end -}}
{{- end -}}

{{- define "log-sidecar.hasDemo" -}}
{{- if and .Values.app.enabled .Values.app.demo.enabled }}true{{ end -}}
{{- end -}}
