{{/*
What the schema cannot say. Each check returns nothing, or a message: what is wrong, where, and the YAML to write
instead. All of them are shown at once.
*/}}
{{- define "observability-stack.validate" -}}
{{- include "observability-stack.refuse" (dict "root" . "checks" (list "Fullname" "Accounts" "Mode" "Remotes" "Secrets" "Labels" "Identity" "Scrape" "Storage" "Kinds" "DisabledAlerts" "RuleGroups" "Traces" "Logs" "Insights")) -}}
{{- end -}}

{{/* Roles of components that run, each bound to the component's service account. */}}
{{- define "observability-stack.checkAccounts" -}}
{{- range $component := list "server" "kube-state-metrics" "logs" "events" "container-insights" -}}
{{- if include "observability-stack.bindsRole" (dict "root" $ "component" $component) -}}
{{- $key := include "observability-stack.valuesKey" $component -}}
{{- include "observability-stack.refuseDefaultAccount" (dict "path" (printf "serviceAccounts.%s" $key) "account" (get $.Values.serviceAccounts $key)) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "observability-stack.checkMode" -}}
{{- $server := .Values.server -}}
{{- if and (eq $server.mode "agent") (not $server.remoteWrite) }}
server.mode is agent, and server.remoteWrite is empty: an agent that sends nothing measures for nobody. Write one of:
server:
  remoteWrite:
    - url: https://aps-workspaces.{{ .Values.cluster.region }}.amazonaws.com/workspaces/ws-.../api/v1/remote_write
      sigv4:
        region: {{ .Values.cluster.region }}
server:
  mode: server{{ "\f" }}
{{- end }}
{{- if and $server.remoteWrite (gt (int $server.replicas) 1) (gt (int $server.shards) 1) }}
server.replicas is {{ $server.replicas }} and server.shards is {{ $server.shards }}: a remote takes the samples of one replica for each `cluster`, so that it would throw away those of all shards but one. Write one of:
server:
  replicas: 1
server:
  shards: 1{{ "\f" }}
{{- end }}
{{- end -}}

{{- define "observability-stack.checkLabels" -}}
{{- range $name := list "cluster" "__replica__" }}
{{- if hasKey $.Values.server.externalLabels $name }}
server.externalLabels has {{ $name }}, which the chart sets itself. {{ if eq $name "cluster" }}Write:
cluster:
  name: {{ get $.Values.server.externalLabels $name | quote }}{{ else }}Leave it out; with server.replicas: 2 each pod has its own.{{ end }}{{ "\f" }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "observability-stack.checkIdentity" -}}
{{- $root := . }}
{{- $key := "eks.amazonaws.com/role-arn" -}}
{{- range $name, $entry := .Values.serviceAccounts }}
{{- range $found, $value := $entry.annotations }}
{{- if and (hasSuffix "/role-arn" $found) (ne $found $key) }}
serviceAccounts.{{ $name }}.annotations has {{ $found | quote }}, which is not the key that EKS reads. Write:
serviceAccounts:
  {{ $name }}:
    annotations:
      {{ $key }}: {{ $value }}{{ "\f" }}
{{- end }}
{{- end }}
{{- end }}
{{- range $name := list "server" "traces" "containerInsights" "logs" "events" }}
{{- $account := get $root.Values.serviceAccounts $name }}
{{- $role := include "observability-stack.roleArn" (dict "root" $root "account" $name) }}
{{- $path := ternary "identity.roleArn" (printf "identity.roleArns.%s" $name) (eq $name "server") }}
{{- $annotated := get $account.annotations $key }}
{{- if and $role $annotated (ne $role $annotated) }}
{{ $path }} and serviceAccounts.{{ $name }}.annotations name two roles. Write one of them:
identity:
{{- if eq $name "server" }}
  roleArn: {{ $annotated }}
{{- else }}
  roleArns:
    {{ $name }}: {{ $annotated }}
{{- end }}{{ "\f" }}
{{- end }}
{{- if and (ne $root.Values.identity.type "irsa") (or $role $annotated) }}
identity.type is {{ $root.Values.identity.type }}, and a role is named for IRSA, which would win. Write:
identity:
  type: irsa
or leave out {{ $path }} and the annotation {{ $key }}.{{ "\f" }}
{{- end }}
{{- if and (not $account.create) (or $role $annotated) }}
serviceAccounts.{{ $name }}.create is false, so that the role would stand nowhere. Annotate your service account yourself, or write:
serviceAccounts:
  {{ $name }}:
    create: true{{ "\f" }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "observability-stack.checkKinds" -}}
{{- $known := list }}
{{- range include "observability-stack.kindsByApiGroup" . | fromYaml }}{{ $known = concat $known . }}{{ end }}
{{- range .Values.kubeStateMetrics.resourceKinds }}
{{- if not (has . $known) }}
kubeStateMetrics.resourceKinds has {{ . | quote }}, which kube-state-metrics does not know by itself: it would not start. Known are {{ $known | sortAlpha | join ", " }}.{{ "\f" }}
{{- end }}
{{- if has . (list "secrets" "configmaps") }}
kubeStateMetrics.resourceKinds has {{ . }}: its role could read all {{ . }} of the cluster. Write:
kubeStateMetrics:
  resourceKinds: {{ without $.Values.kubeStateMetrics.resourceKinds "secrets" "configmaps" | toJson }}{{ "\f" }}
{{- end }}
{{- end }}
{{- end -}}
