{{/* Names and settings that several components use. */}}

{{/*
Maximum length of the full name. With the suffix `-container-insights-windows` it reaches 63 characters, the limit of a label.
StatefulSets allow 52; their longest suffixes are `-alertmanager` and `-server-99-9`.
*/}}
{{- define "observability-stack.fullnameLimit" -}}
36
{{- end -}}

{{/* Name of a component's objects: dict "root" $ "component" <name>. */}}
{{- define "observability-stack.componentName" -}}
{{- printf "%s-%s" (include "observability-stack.fullname" .root) .component -}}
{{- end -}}

{{/* Name of a component's ClusterRole and of its directory on nodes; arguments as above. */}}
{{- define "observability-stack.clusterWideComponentName" -}}
{{- include "observability-stack.clusterWideName" (dict "root" .root "name" (include "observability-stack.componentName" .)) -}}
{{- end -}}

{{/* Name of a service account: dict "root" $ "component" <name> and, if it uses the account of another component, "owner" <its name>. */}}
{{- define "observability-stack.serviceAccountName" -}}
{{- $component := .owner | default .component -}}
{{- $account := get .root.Values.serviceAccounts (include "observability-stack.valuesKey" $component) -}}
{{- $name := include "observability-stack.componentName" (dict "root" .root "component" $component) -}}
{{- default (ternary $name "default" $account.create) $account.name -}}
{{- end -}}

{{/* ARN of the IAM role of a component's service account, or nothing; arguments as above. */}}
{{- define "observability-stack.roleArn" -}}
{{- get .root.Values.serviceAccounts (include "observability-stack.valuesKey" .component) | include "observability-stack.roleOf" -}}
{{- end -}}

{{/* Whether Prometheus runs in agent mode, which only forwards samples (remote write). */}}
{{- define "observability-stack.prometheusIsAgent" -}}
{{- $server := .Values.server -}}
{{- if or (eq $server.mode "agent") (and (eq $server.mode "auto") (gt (len $server.remoteWrite) 0)) }}true{{ end -}}
{{- end -}}

{{/* Whether Prometheus stores its data in PersistentVolumeClaims. */}}
{{- define "observability-stack.prometheusHasClaim" -}}
{{- include "observability-stack.hasClaim" (dict "root" . "component" "server") -}}
{{- end -}}

{{/*
The instances of Prometheus, a JSON list of maps with shard, replica, component, name and file. Each instance is a StatefulSet
with a separate claim: `volumeClaimTemplates` are immutable, and switching between agent and server would change them. The
name of the first instance does not depend on the number of instances.
*/}}
{{- define "observability-stack.prometheusInstances" -}}
{{- $instances := list -}}
{{- range $shard := until (int .Values.server.shards) -}}
{{- range $replica := until (int $.Values.server.replicas) -}}
{{- $component := ternary "server" (printf "server-%d-%d" $shard $replica) (eq 0 (add $shard $replica)) -}}
{{- $name := include "observability-stack.componentName" (dict "root" $ "component" $component) -}}
{{- $instances = append $instances (dict "shard" $shard "replica" $replica "component" $component "name" $name "file" (printf "prometheus-%d-%d.yaml" $shard $replica)) -}}
{{- end -}}
{{- end -}}
{{- $instances | toJson -}}
{{- end -}}

{{/* Selector of all Prometheus pods, for NetworkPolicies and the PodDisruptionBudget. */}}
{{- define "observability-stack.serverSelector" -}}
matchLabels:
  app.kubernetes.io/name: {{ include "observability-stack.name" . | quote }}
  app.kubernetes.io/instance: {{ .Release.Name | quote }}
matchExpressions:
  - key: app.kubernetes.io/component
    operator: In
    values:
      {{- range include "observability-stack.prometheusInstances" . | fromJsonArray }}
      - {{ .component | quote }}
      {{- end }}
{{- end -}}
