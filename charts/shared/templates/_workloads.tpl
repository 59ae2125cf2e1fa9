{{/* Parts of workloads and of the objects around them. */}}

{{/* The update strategy of a DaemonSet. Argument: `updateStrategy` of the values, which wins unless it is empty. */}}
{{- define "shared.updateStrategy" -}}
{{- if . -}}
{{- toYaml . -}}
{{- else -}}
{{- /* The API's default of one node at a time takes hours on a large cluster. */ -}}
type: RollingUpdate
rollingUpdate:
  maxUnavailable: 10%
{{- end -}}
{{- end -}}

{{/* The spec of a PersistentVolumeClaim. Argument: a block with accessModes, storageClassName and size. */}}
{{- define "shared.claimSpec" -}}
accessModes:
  {{- toYaml .accessModes | nindent 2 }}
{{- with .storageClassName }}
storageClassName: {{ . | quote }}
{{- end }}
resources:
  requests:
    storage: {{ .size | quote }}
{{- end -}}

{{/* How many pods a PodDisruptionBudget protects. Argument: a block with minAvailable and maxUnavailable. */}}
{{- define "shared.disruptionLimit" -}}
{{- if ne (toString .minAvailable) "" -}}
minAvailable: {{ .minAvailable | toJson }}
{{- else -}}
maxUnavailable: {{ .maxUnavailable | toJson }}
{{- end -}}
{{- end -}}

{{/* Those fields of a map that are numbers or not empty, as YAML; nothing if none is. dict "from" <map> "fields" <names>. */}}
{{- define "shared.nonEmpty" -}}
{{- $found := dict -}}
{{- range $name := .fields -}}
{{- $value := get $.from $name -}}
{{- if or $value (has (kindOf $value) (list "int" "int64" "float64")) }}{{ $_ := set $found $name $value }}{{ end -}}
{{- end -}}
{{- with $found }}{{ toYaml . }}{{ end -}}
{{- end -}}
