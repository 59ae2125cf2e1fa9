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

{{/*
The affinity of a DaemonSet, as JSON: the given one, with nodes excluded that run no DaemonSet, where its pods would stay
Pending: Fargate, and virtual nodes. Node selector terms are alternatives, so each excludes them. Argument: the affinity.
*/}}
{{- define "shared.daemonSetAffinity" -}}
{{- $excluded := list
  (dict "key" "eks.amazonaws.com/compute-type" "operator" "NotIn" "values" (list "fargate"))
  (dict "key" "type" "operator" "NotIn" "values" (list "virtual-kubelet"))
-}}
{{- $node := .nodeAffinity | default dict -}}
{{- $required := $node.requiredDuringSchedulingIgnoredDuringExecution | default dict -}}
{{- $terms := list -}}
{{- range $required.nodeSelectorTerms | default (list dict) -}}
{{- $terms = append $terms (merge (dict "matchExpressions" (concat (.matchExpressions | default list) $excluded)) .) -}}
{{- end -}}
{{- $required = dict "requiredDuringSchedulingIgnoredDuringExecution" (dict "nodeSelectorTerms" $terms) -}}
{{- merge (dict "nodeAffinity" (merge $required $node)) . | toJson -}}
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

{{/* Those fields of a map that are numbers or not empty, as JSON. Argument: the map. */}}
{{- define "shared.nonEmpty" -}}
{{- $found := dict -}}
{{- range $name, $value := . -}}
{{- if or $value (has (kindOf $value) (list "int" "int64" "float64")) }}{{ $_ := set $found $name $value }}{{ end -}}
{{- end -}}
{{- $found | toJson -}}
{{- end -}}
