{{/* The specification of the application's workload, in each of its kinds, as JSON. */}}

{{/* The fields of a map that are neither null nor an empty string, as JSON. */}}
{{- define "log-sidecar.given" -}}
{{- $given := dict -}}
{{- range $name, $value := . }}{{ if not (has (toString $value) (list "" "<nil>")) }}{{ $_ := set $given $name $value }}{{ end }}{{ end -}}
{{- toJson $given -}}
{{- end -}}

{{- define "log-sidecar.workloadSpec" -}}
{{- $app := .Values.app -}}
{{- $labels := include "log-sidecar.labels" (dict "root" . "component" "app" "extra" .Values.podLabels) | fromYaml -}}
{{- $metadata := dict "annotations" (include "log-sidecar.podAnnotations" . | fromYaml) "labels" $labels -}}
{{- $spec := dict "template" (dict "metadata" $metadata "spec" (include "log-sidecar.podSpec" . | fromJson)) -}}
{{- if include "log-sidecar.runsToEnd" . -}}
{{- $spec = merge $spec (include "log-sidecar.given" $app.job | fromJson) -}}
{{- if eq $app.kind "CronJob" -}}
{{- $own := include "log-sidecar.labels" (dict "root" . "component" "app") | fromYaml -}}
{{- $spec = merge (dict "jobTemplate" (dict "metadata" (dict "labels" $own) "spec" $spec)) (include "log-sidecar.given" $app.cronJob | fromJson) -}}
{{- end -}}
{{- else -}}
{{- $_ := set $spec "selector" (dict "matchLabels" (include "log-sidecar.selectorLabels" (dict "root" . "component" "app") | fromYaml)) -}}
{{- $fields := pick $app "revisionHistoryLimit" (ternary "" "replicas" (eq $app.kind "DaemonSet")) -}}
{{- $spec = merge $spec (include "log-sidecar.given" $fields | fromJson) -}}
{{- $strategy := $app.updateStrategy -}}
{{- if eq $app.kind "DaemonSet" -}}
{{- $strategy = include "log-sidecar.updateStrategy" $strategy | fromYaml -}}
{{- else if eq $app.kind "StatefulSet" -}}
{{- $_ := set $spec "serviceName" (printf "%s-headless" (include "log-sidecar.fullname" .)) -}}
{{- with include "log-sidecar.claimTemplates" . }}{{ $_ := set $spec "volumeClaimTemplates" (fromYamlArray .) }}{{ end -}}
{{- else if and (not $strategy) (eq .Values.logs.volume.type "persistentVolumeClaim") -}}
{{- /* Two pods with one claim would deliver every line twice. */ -}}
{{- $strategy = dict "type" "Recreate" -}}
{{- end -}}
{{- with $strategy }}{{ $_ := set $spec (ternary "strategy" "updateStrategy" (eq $app.kind "Deployment")) . }}{{ end -}}
{{- end -}}
{{- toJson $spec -}}
{{- end -}}
