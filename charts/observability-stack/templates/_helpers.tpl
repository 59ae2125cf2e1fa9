{{/* Names and choices that several templates of this chart share. */}}

{{/*
Characters of the longest full name: `-container-insights-windows` behind it makes 63, the length of a label. Names of
StatefulSets, which may have 52, end with `-alertmanager` or `-server-99-9` at the longest.
*/}}
{{- define "observability-stack.fullnameLimit" -}}
36
{{- end -}}

{{/* Name of an object of a component: dict "root" $ "component" <name>. */}}
{{- define "observability-stack.componentName" -}}
{{- printf "%s-%s" (include "observability-stack.fullname" .root) .component -}}
{{- end -}}

{{/* Name of a component's role of the whole cluster, and of its folder on each node; arguments as above. */}}
{{- define "observability-stack.clusterRoleName" -}}
{{- include "observability-stack.clusterWideName" (dict "root" .root "name" (include "observability-stack.componentName" .)) -}}
{{- end -}}

{{/* dict "root" $ "component" <name> and, if it has another's account, "identity" <name of that component>. */}}
{{- define "observability-stack.serviceAccountName" -}}
{{- $component := .identity | default .component -}}
{{- $account := get .root.Values.serviceAccounts (include "observability-stack.valuesKey" $component) -}}
{{- $name := include "observability-stack.componentName" (dict "root" .root "component" $component) -}}
{{- default (ternary $name "default" $account.create) $account.name -}}
{{- end -}}

{{/* ARN of the IAM role of a service account, empty if it has none: dict "root" $ "account" <key of serviceAccounts>. */}}
{{- define "observability-stack.roleArn" -}}
{{- $account := get .root.Values.serviceAccounts .account -}}
{{- $account.roleArn | default (get $account.annotations "eks.amazonaws.com/role-arn") -}}
{{- end -}}

{{/* Annotations of a service account, as JSON; arguments as above. */}}
{{- define "observability-stack.accountAnnotations" -}}
{{- $account := get .root.Values.serviceAccounts .account -}}
{{- $role := ternary (dict "eks.amazonaws.com/role-arn" $account.roleArn) dict (ne ($account.roleArn | default "") "") -}}
{{- merge $role $account.annotations | toJson -}}
{{- end -}}

{{/* Whether Prometheus is an agent, which only writes to remotes. */}}
{{- define "observability-stack.prometheusIsAgent" -}}
{{- $server := .Values.server -}}
{{- if or (eq $server.mode "agent") (and (eq $server.mode "auto") (gt (len $server.remoteWrite) 0)) }}true{{ end -}}
{{- end -}}

{{/* Whether each pod of Prometheus has a claim, which outlives it. */}}
{{- define "observability-stack.prometheusHasClaim" -}}
{{- $type := .Values.server.persistence.type -}}
{{- if or (eq $type "persistentVolumeClaim") (and (eq $type "auto") (not (include "observability-stack.prometheusIsAgent" .))) }}true{{ end -}}
{{- end -}}

{{/*
The pods of Prometheus, as a JSON list: shard, replica, component, name, file. Each is a StatefulSet of its own with a
claim that is an object of its own: the claim templates of a StatefulSet can never be changed, and a change between
agent and server would ask for just that. The first one has the same name whatever the others are.
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

{{/* Labels that fit the pods of Prometheus, however many there are: the selector of a policy or budget. */}}
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
