{{/*
Objects that several components have. Arguments: dict "root" $ "component" <name>, and those that each helper names. The values
of a component are at its name in camel case: `kubeStateMetrics` for kube-state-metrics.
*/}}

{{- define "observability-stack.valuesKey" -}}
{{- . | replace "-" " " | title | nospace | untitle -}}
{{- end -}}

{{/* Whether a component is enabled and installed by this chart. */}}
{{- define "observability-stack.runs" -}}
{{- $values := .root.Values -}}
{{- $block := get $values (include "observability-stack.valuesKey" .component) -}}
{{- $measures := has .component (list "alertmanager" "kube-state-metrics" "node-exporter" "pushgateway" "server") -}}
{{- $addOn := and (eq .component "container-insights") (ne $block.installer "chart") -}}
{{- if and $block.enabled (or $values.metrics.enabled (not $measures)) (not $addOn) }}true{{ end -}}
{{- end -}}

{{/* Whether a component stores its data in a PersistentVolumeClaim. */}}
{{- define "observability-stack.hasClaim" -}}
{{- $type := (get .root.Values .component).persistence.type -}}
{{- if or (eq $type "persistentVolumeClaim") (and (eq $type "auto") (not (include "observability-stack.prometheusIsAgent" .root))) }}true{{ end -}}
{{- end -}}

{{/* Whether the chart binds a component's service account to a role. */}}
{{- define "observability-stack.bindsRole" -}}
{{- $values := .root.Values -}}
{{- if and $values.rbac.create (include "observability-stack.runs" .) -}}
{{- if ne .component "logs" -}}
true
{{- else if and (include "observability-stack.logsByFluentBit" .root) (ne $values.logs.metadata.from "tag") -}}
true
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Metadata of an object; also "annotations" and, if it is not named after its component, "name". */}}
{{- define "observability-stack.componentMetadata" -}}
{{- $name := dict "name" (include "observability-stack.componentName" .) -}}
{{- include "observability-stack.metadata" (merge (pick . "root" "component" "name" "annotations") $name) -}}
{{- end -}}

{{- define "observability-stack.clusterRoleMetadata" -}}
{{- include "observability-stack.metadata" (dict "root" .root "component" .component "name" (include "observability-stack.clusterWideComponentName" .) "clusterWide" true) -}}
{{- end -}}

{{- define "observability-stack.serviceAccount" -}}
{{- $key := include "observability-stack.valuesKey" .component -}}
{{- if and (include "observability-stack.runs" .) (get .root.Values.serviceAccounts $key).create }}
{{- $given := dict "root" .root "component" .component "account" $key }}
apiVersion: v1
kind: ServiceAccount
metadata:
  {{- $annotations := include "observability-stack.accountAnnotations" $given | fromJson }}
  {{- include "observability-stack.metadata" (merge (dict "name" (include "observability-stack.serviceAccountName" $given) "annotations" $annotations) $given) | nindent 2 }}
automountServiceAccountToken: false
{{- end }}
{{- end -}}

{{/* Role and subject of a binding; also "kind" and "name" of the role. */}}
{{- define "observability-stack.binding" -}}
{{- $account := include "observability-stack.serviceAccountName" (dict "root" .root "component" .component) -}}
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: {{ .kind }}
  name: {{ .name | quote }}
subjects:
  - kind: ServiceAccount
    name: {{ $account | quote }}
    namespace: {{ .root.Release.Namespace | quote }}
{{- end -}}

{{- define "observability-stack.clusterRoleBinding" -}}
{{- if include "observability-stack.bindsRole" . }}
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  {{- include "observability-stack.clusterRoleMetadata" . | nindent 2 }}
{{ include "observability-stack.binding" (merge (dict "kind" "ClusterRole" "name" (include "observability-stack.clusterWideComponentName" .)) .) }}
{{- end }}
{{- end -}}

{{/* Also "data" <YAML map> and, if it is not named after its component, "name". */}}
{{- define "observability-stack.configMap" -}}
apiVersion: v1
kind: ConfigMap
metadata:
  {{- include "observability-stack.componentMetadata" . | nindent 2 }}
data:
  {{- .data | nindent 2 }}
{{- end -}}

{{/* Allows traffic from Prometheus and from the peers in the values: also "ports" <names> and "from" <peers, if any>,
or "ingress" <rules>, which replace them. */}}
{{- define "observability-stack.networkPolicy" -}}
{{- if and (include "observability-stack.runs" .) .root.Values.networkPolicy.enabled }}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  {{- include "observability-stack.componentMetadata" . | nindent 2 }}
spec:
  podSelector:
    {{- if eq .component "server" }}
    {{- include "observability-stack.serverSelector" .root | nindent 4 }}
    {{- else }}
    matchLabels:
      {{- include "observability-stack.selectorLabels" . | nindent 6 }}
    {{- end }}
  policyTypes:
    - Ingress
  ingress:
    {{- if hasKey . "ingress" }}
    {{- toYaml .ingress | nindent 4 }}
    {{- else }}
    - from:
        - podSelector:
            {{- include "observability-stack.serverSelector" .root | nindent 12 }}
        {{- with .from }}{{ toYaml . | nindent 8 }}{{ end }}
      ports:
        {{- range .ports }}
        - port: {{ . | quote }}
        {{- end }}
    {{- end }}
{{- end }}
{{- end -}}

{{/* Also "values" <block with service.port and service.annotations> and, if it is not named after its component, "name". */}}
{{- define "observability-stack.httpService" -}}
apiVersion: v1
kind: Service
metadata:
  {{- include "observability-stack.componentMetadata" (merge (dict "annotations" .values.service.annotations) .) | nindent 2 }}
spec:
  selector:
    {{- include "observability-stack.selectorLabels" . | nindent 4 }}
  ports:
    - name: http
      port: {{ .values.service.port | int }}
      targetPort: http
{{- end -}}

{{/*
Service of a node agent, which clients reach on their own node. It needs a cluster IP, since `internalTrafficPolicy` does not
apply to headless Services: also "name" and "annotations" if it has its own, and "ports" <list of name, port, protocol>.
*/}}
{{- define "observability-stack.nodeService" -}}
{{- $ports := list -}}
{{- range .ports }}{{ $ports = append $ports (merge (dict "targetPort" .name "port" (int .port)) .) }}{{ end -}}
apiVersion: v1
kind: Service
metadata:
  {{- include "observability-stack.componentMetadata" . | nindent 2 }}
spec:
  type: ClusterIP
  internalTrafficPolicy: Local
  selector:
    {{- include "observability-stack.selectorLabels" . | nindent 4 }}
  ports:
    {{- toYaml $ports | nindent 4 }}
{{- end -}}

{{/* Also "persistence" <block> "annotations" <map> and, if it is not named after its component, "name". */}}
{{- define "observability-stack.claim" -}}
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  {{- include "observability-stack.componentMetadata" . | nindent 2 }}
spec:
  {{- include "observability-stack.claimSpec" .persistence.persistentVolumeClaim | nindent 2 }}
{{- end -}}

{{/*
A workload: also "kind" <name> and the arguments of observability-stack.podTemplate; "values" is the name of a helper that
returns the block as JSON. A Deployment stops its only pod before the replacement starts.
*/}}
{{- define "observability-stack.workload" -}}
{{- $owner := .identity | default .component -}}
{{- if include "observability-stack.runs" (dict "root" .root "component" $owner) -}}
{{- $key := include "observability-stack.valuesKey" $owner -}}
{{- $values := get .root.Values $key -}}
{{- if .values }}{{ $values = include .values .root | fromJson }}{{ end -}}
{{- $name := .name | default (include "observability-stack.componentName" .) -}}
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
