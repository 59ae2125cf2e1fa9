{{- define "observability-stack.fargateNotes" -}}
{{- $logging := .Values.fargate.logging -}}
{{- if $logging.enabled -}}
Fargate's log router collects the logs of pods that start on Fargate from now on; a change of the configuration reaches new pods only. If Fargate rejects the configuration, an event of the pod and its annotation `Logging` contain the reason:

  kubectl describe pod --namespace NAMESPACE POD

The router uses up to 50 MB of the pod's memory, or 100 MB at high rates. A cluster has one configuration, the ConfigMap aws-logging in namespace aws-observability: another release with fargate.logging.enabled fails to install.
{{- if not $logging.createNamespace }}

The existing namespace needs this label:

  kubectl label namespace aws-observability aws-observability=enabled
{{- end }}
{{- $outputs := include "observability-stack.fargateWrites" . | fromJsonArray }}
{{- include "observability-stack.outputNotes" (dict "root" . "outputs" $outputs "role" "the pod execution role of each Fargate profile") }}
{{- end -}}
{{- end -}}
