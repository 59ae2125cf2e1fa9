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
{{- range $name, $account := .Values.serviceAccounts }}
{{- $annotated := get $account.annotations $key }}
{{- $role := $account.roleArn | default $annotated }}
{{- if and $annotated (ne $role $annotated) }}
serviceAccounts.{{ $name }}.roleArn and its annotation {{ $key }} name different roles. Remove the annotation, or write:
serviceAccounts:
  {{ $name }}:
    roleArn: {{ $annotated }}{{ "\f" }}
{{- end }}
{{- if and $role (ne $root.Values.identity.type "irsa") }}
identity.type is {{ $root.Values.identity.type }}, but serviceAccounts.{{ $name }} names a role for IRSA, which would take precedence. Remove the role, or write:
identity:
  type: irsa{{ "\f" }}
{{- end }}
{{- if and $role (not $account.create) }}
serviceAccounts.{{ $name }} names a role, but serviceAccounts.{{ $name }}.create is false. Annotate your own service account, or write:
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
