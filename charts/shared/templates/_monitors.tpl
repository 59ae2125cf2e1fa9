{{/*
A PodMonitor of prometheus-operator: dict "root" $ "name" <name> "components" <of the pods> "ports" <names> "path" <of the
metrics>. Rules and dashboards select the job `pods`, to which annotated pods belong.
*/}}
{{- define "shared.podMonitor" -}}
{{- $values := .root.Values.podMonitor -}}
{{- $node := dict "sourceLabels" (list "__meta_kubernetes_pod_node_name") "targetLabel" "node" -}}
{{- $endpoint := dict "path" .path "relabelings" (list (dict "targetLabel" "job" "replacement" "pods") $node) -}}
{{- with $values.interval }}{{ $_ := set $endpoint "interval" . }}{{ end -}}
{{- $endpoints := list -}}
{{- range .ports }}{{ $endpoints = append $endpoints (merge (dict "port" .) $endpoint) }}{{ end -}}
apiVersion: monitoring.coreos.com/v1
kind: PodMonitor
metadata:
  {{- include "shared.metadata" (dict "root" .root "component" (first .components) "name" .name "labels" $values.labels) | nindent 2 }}
spec:
  selector:
    matchLabels:
      {{- omit (include "shared.selectorLabels" (dict "root" .root "component" "") | fromYaml) "app.kubernetes.io/component" | toYaml | nindent 6 }}
    matchExpressions:
      - {key: app.kubernetes.io/component, operator: In, values: {{ toJson .components }}}
  podMetricsEndpoints:
    {{- toYaml $endpoints | nindent 4 }}
{{- end -}}
