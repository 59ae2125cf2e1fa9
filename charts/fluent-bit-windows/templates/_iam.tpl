{{/* AWS settings as the notes show them. */}}

{{/* The Region, or a placeholder if a ConfigMap contains it. */}}
{{- define "fluent-bit-windows.shownRegion" -}}
{{- ternary "REGION" .Values.cluster.region (ne .Values.cluster.configMap.name "") -}}
{{- end -}}

{{/* Outputs of Fluent Bit, with a placeholder for the name of the cluster if a ConfigMap contains it, as JSON. */}}
{{- define "fluent-bit-windows.shownOutputs" -}}
{{- include "fluent-bit-windows.fluentBitOutputs" . | replace "${CLUSTER_NAME}" "CLUSTER" -}}
{{- end -}}

{{/* IAM statements by role, as JSON. */}}
{{- define "fluent-bit-windows.policies" -}}
{{- include "fluent-bit-windows.outputPolicies" (dict
  "outputs" (include "fluent-bit-windows.shownOutputs" . | fromJsonArray)
  "partition" (include "fluent-bit-windows.partition" .Values.cluster.region)
  "region" (include "fluent-bit-windows.shownRegion" .)
) -}}
{{- end -}}

{{/* Commands for the KMS keys and tags of log groups. */}}
{{- define "fluent-bit-windows.logGroupSettings" -}}
{{- $region := include "fluent-bit-windows.shownRegion" . -}}
{{- include "fluent-bit-windows.logGroupNotes" (dict
  "outputs" (include "fluent-bit-windows.outputs" . | fromJsonArray)
  "pipelines" (include "fluent-bit-windows.pipelines" . | fromJsonArray)
  "names" (dict "cluster" (ternary "CLUSTER" .Values.cluster.name (ne .Values.cluster.configMap.name "")) "region" $region)
  "partition" (include "fluent-bit-windows.partition" .Values.cluster.region)
  "region" $region
) -}}
{{- end -}}
