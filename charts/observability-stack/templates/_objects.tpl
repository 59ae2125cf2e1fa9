{{/*
Objects that several components have; nothing if the component does not run. Arguments: dict "root" $ "component" <name>, those
that each helper names, and, for an object with the values of another component (an instance of Prometheus, Windows agents),
"owner" <its name>. The values of a component are at its name in camel case: `kubeStateMetrics` for kube-state-metrics.
*/}}

{{- define "observability-stack.valuesKey" -}}
{{- . | replace "-" " " | title | nospace | untitle -}}
{{- end -}}

{{/* Whether a component is enabled and installed by this chart. */}}
{{- define "observability-stack.runs" -}}
{{- $values := .root.Values -}}
{{- $component := .owner | default .component -}}
{{- $block := get $values (include "observability-stack.valuesKey" $component) -}}
{{- $measures := has $component (list "alertmanager" "blackbox-exporter" "kube-state-metrics" "node-exporter" "pushgateway" "server" "windows-exporter") -}}
{{- $addOn := and (eq $component "container-insights") (ne $block.installer "chart") -}}
{{- if and $block.enabled (or $values.metrics.enabled (not $measures)) (not $addOn) }}true{{ end -}}
{{- end -}}

{{/* Whether a component stores its data in a PersistentVolumeClaim. */}}
{{- define "observability-stack.hasClaim" -}}
{{- $type := (get .root.Values (.owner | default .component)).persistence.type -}}
{{- if or (eq $type "persistentVolumeClaim") (and (eq $type "auto") (not (include "observability-stack.prometheusIsAgent" .root))) }}true{{ end -}}
{{- end -}}

{{/* Whether the chart binds a component's service account to a role. */}}
{{- define "observability-stack.bindsRole" -}}
{{- $logs := .root.Values.logs -}}
{{- $reads := or (ne .component "logs") (and (eq $logs.engine "fluent-bit") (ne $logs.metadata.from "tag")) -}}
{{- if and .root.Values.rbac.create $reads (include "observability-stack.runs" .) }}true{{ end -}}
{{- end -}}

{{/* Metadata of an object; also "annotations" and, if it is not named after its component, "name". */}}
{{- define "observability-stack.componentMetadata" -}}
{{- $name := dict "name" (include "observability-stack.componentName" .) -}}
{{- include "observability-stack.metadata" (merge (pick . "root" "component" "name" "annotations") $name) -}}
{{- end -}}

{{- define "observability-stack.clusterRoleMetadata" -}}
{{- include "observability-stack.metadata" (dict "root" .root "component" .component "name" (include "observability-stack.clusterWideComponentName" .) "clusterWide" true) -}}
{{- end -}}

{{/* Role and subject of a binding; also "kind" and "name" of the role. */}}
{{- define "observability-stack.binding" -}}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ .kind }}
  name: {{ .name | quote }}
subjects:
  - kind: ServiceAccount
    name: {{ include "observability-stack.serviceAccountName" . | quote }}
    namespace: {{ .root.Release.Namespace | quote }}
{{- end -}}

{{/*
Also "data" <helper of the data, a YAML map>, if it is not named after its component, "name", and for data that can contain
credentials, "secret" true: a Secret, whose data stays readable in the rendered YAML.
*/}}
{{- define "observability-stack.configMap" -}}
{{- if include "observability-stack.runs" . -}}
apiVersion: v1
kind: {{ ternary "Secret" "ConfigMap" (default false .secret) }}
metadata:
  {{- include "observability-stack.componentMetadata" . | nindent 2 }}
{{ ternary "stringData" "data" (default false .secret) }}:
  {{- include .data .root | nindent 2 }}
{{- end -}}
{{- end -}}

{{/*
A Service. Clients of a node agent, which has "ports" <helper of a list of name, port and protocol>, reach the agent of their
own node. It needs a cluster IP: `internalTrafficPolicy` does not apply to headless Services.
*/}}
{{- define "observability-stack.service" -}}
{{- if include "observability-stack.runs" . -}}
{{- $service := dig "service" dict (get .root.Values (include "observability-stack.valuesKey" (.owner | default .component))) -}}
apiVersion: v1
kind: Service
metadata:
  {{- include "observability-stack.componentMetadata" (merge (pick $service "annotations") .) | nindent 2 }}
spec:
  {{- if .ports }}
  type: ClusterIP
  internalTrafficPolicy: Local
  {{- end }}
  selector:
    {{- include "observability-stack.selectorLabels" . | nindent 4 }}
  ports:
    {{- $ports := list (dict "name" "http" "port" $service.port) }}
    {{- if .ports }}{{ $ports = include .ports .root | fromYamlArray }}{{ end }}
    {{- range $ports }}
    - {{ merge (dict "targetPort" .name "port" (int .port)) . | toJson }}
    {{- end }}
{{- end -}}
{{- end -}}

{{/* A PersistentVolumeClaim; with "keep" true, an uninstall keeps it. */}}
{{- define "observability-stack.claim" -}}
{{- if and (include "observability-stack.runs" .) (include "observability-stack.hasClaim" .) -}}
{{- $claim := (get .root.Values (.owner | default .component)).persistence.persistentVolumeClaim -}}
{{- $keep := ternary (dict "helm.sh/resource-policy" "keep") dict (default false .keep) -}}
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  {{- include "observability-stack.componentMetadata" (merge (dict "annotations" (mergeOverwrite (dict) $claim.annotations $keep)) .) | nindent 2 }}
spec:
  {{- include "observability-stack.claimSpec" $claim | nindent 2 }}
{{- end -}}
{{- end -}}

{{/*
Ingress rules of an agent that receives signals from every application, a YAML list: dict "ports" <list of name and protocol>
"proxy" <name of the port of the X-Ray proxy> "from" <peers>. The proxy signs every request with the role of its pod and
authenticates no client, so only the release's namespace and the peers have access to it.
*/}}
{{- define "observability-stack.signalIngress" -}}
- ports:
    {{- range .ports }}{{ if ne .name $.proxy }}
    - {{ merge (dict "port" .name) (pick . "protocol") | toJson }}
    {{- end }}{{ end }}
- from:
    - podSelector: {}
    {{- with .from }}{{ toYaml . | nindent 4 }}{{ end }}
  ports:
    - {port: {{ .proxy }}, protocol: TCP}
{{- end -}}

{{/*
A workload: also "kind" <name> and the arguments of observability-stack.podTemplate; "values" is the name of a helper that
returns the block as JSON. A Deployment stops its only pod before the replacement starts.
*/}}
{{- define "observability-stack.workload" -}}
{{- if include "observability-stack.runs" . -}}
{{- $key := include "observability-stack.valuesKey" (.owner | default .component) -}}
{{- $values := get .root.Values $key -}}
{{- if .values }}{{ $values = include .values .root | fromJson }}{{ end -}}
{{- $name := include "observability-stack.componentName" . -}}
{{- $specs := dict
  "DaemonSet" (dict "revisionHistoryLimit" 3 "updateStrategy" (include "observability-stack.updateStrategy" $values.updateStrategy | fromYaml))
  "Deployment" (dict "replicas" 1 "revisionHistoryLimit" 3 "strategy" (dict "type" "Recreate"))
  "StatefulSet" (dict "replicas" 1 "serviceName" $name)
-}}
{{- $template := include "observability-stack.podTemplate" (set (omit . "values") "values" $values) | fromJson -}}
{{- $given := dict "path" $key "block" (get .root.Values $key) -}}
{{- $blocks := list $given (merge (dict "container" (.containerName | default .component)) $given) -}}
{{- include "observability-stack.checkPod" (dict "root" .root "pod" $template.spec "of" (printf "%s %q" .kind $name) "values" $blocks) -}}
apiVersion: apps/v1
kind: {{ .kind }}
metadata:
  {{- include "observability-stack.componentMetadata" . | nindent 2 }}
spec:
  selector:
    matchLabels:
      {{- include "observability-stack.selectorLabels" . | nindent 6 }}
  {{- toYaml (get $specs .kind) | nindent 2 }}
  template:
    {{- toYaml $template | nindent 4 }}
{{- end }}
{{- end -}}
