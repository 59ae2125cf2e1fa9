{{/*
Checks that the schema cannot express. Each returns messages (problem, place, YAML to write), and all messages are reported
together.
*/}}
{{- define "observability-stack.validate" -}}
{{- include "observability-stack.runChecks" (dict "root" . "checks" (list "Fullname" "Accounts" "Mode" "Remotes" "Secrets" "Labels" "Identity" "Scrape" "Storage" "Kinds" "DisabledAlerts" "RuleGroups" "Traces" "Logs" "Insights")) -}}
{{- end -}}

{{/* Every bound role requires a service account of its own. */}}
{{- define "observability-stack.checkAccounts" -}}
{{- range $component := list "server" "kube-state-metrics" "logs" "events" "container-insights" -}}
{{- if include "observability-stack.bindsRole" (dict "root" $ "component" $component) -}}
{{- $key := include "observability-stack.valuesKey" $component -}}
{{- include "observability-stack.checkDefaultAccount" (dict "path" (printf "serviceAccounts.%s" $key) "account" (get $.Values.serviceAccounts $key)) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "observability-stack.checkMode" -}}
{{- $server := .Values.server -}}
{{- $region := .Values.cluster.region -}}
{{- $url := printf "https://aps-workspaces.%s.amazonaws.com/workspaces/ws-.../api/v1/remote_write" $region }}
{{- include "observability-stack.reject" (list (and (eq $server.mode "agent") (not $server.remoteWrite))
  "`server.mode` is agent, but `server.remoteWrite` is empty: an agent stores nothing and would send its samples nowhere."
  "server.remoteWrite" (list (dict "url" $url "sigv4" (dict "region" $region)))
  "server.mode" "server") }}
{{- include "observability-stack.reject" (list (and $server.remoteWrite (gt (int $server.replicas) 1) (gt (int $server.shards) 1))
  (printf "`server.replicas` is %v and `server.shards` is %v, but a backend that deduplicates replicas accepts one replica for each `cluster` label: it would drop the samples of all other shards." $server.replicas $server.shards)
  "server.replicas" 1 "server.shards" 1) }}
{{- end -}}

{{- define "observability-stack.checkLabels" -}}
{{- $labels := .Values.server.externalLabels -}}
{{- include "observability-stack.reject" (list (hasKey $labels "cluster")
  "`server.externalLabels.cluster` is set, but the chart sets this label from `cluster.name`." "cluster.name" (get $labels "cluster")) }}
{{- include "observability-stack.reject" (list (hasKey $labels "__replica__")
  "`server.externalLabels.__replica__` is set, but the chart sets this label where `server.replicas` is 2. Remove it.") }}
{{- end -}}

{{- define "observability-stack.checkIdentity" -}}
{{- $type := .Values.identity.type -}}
{{- $key := "eks.amazonaws.com/role-arn" -}}
{{- range $name, $account := .Values.serviceAccounts }}
{{- $path := printf "serviceAccounts.%s" $name }}
{{- range $found, $value := $account.annotations }}
{{- include "observability-stack.reject" (list (and (hasSuffix "/role-arn" $found) (ne $found $key))
  (printf "`%s.annotations` has the key %q, but EKS reads only %s." $path $found $key)
  (printf "%s.annotations" $path) (dict $key $value)) }}
{{- end }}
{{- $annotated := get $account.annotations $key }}
{{- $role := $account.roleArn | default $annotated }}
{{- include "observability-stack.reject" (list (and $annotated (ne $role $annotated))
  (printf "`%s.roleArn` and the annotation %s name different roles. Remove one of them." $path $key)
  (printf "%s.roleArn" $path) $annotated) }}
{{- include "observability-stack.reject" (list (and $role (ne $type "irsa"))
  (printf "`identity.type` is %s, but `%s` names a role for IRSA, which would take precedence. Remove the role, or change the type." $type $path)
  "identity.type" "irsa") }}
{{- include "observability-stack.reject" (list (and $role (not $account.create))
  (printf "`%s` names a role, but `%s.create` is false. Annotate your own service account, or let the chart create one." $path $path)
  (printf "%s.create" $path) true) }}
{{- end }}
{{- end -}}

{{- define "observability-stack.checkKinds" -}}
{{- $kinds := .Values.kubeStateMetrics.resourceKinds }}
{{- $known := list }}
{{- range include "observability-stack.kindsByApiGroup" . | fromYaml }}{{ $known = concat $known . }}{{ end }}
{{- range $kinds }}
{{- include "observability-stack.reject" (list (not (has . $known))
  (printf "`kubeStateMetrics.resourceKinds` has %q, which kube-state-metrics does not support. Use: %s." . ($known | sortAlpha | join ", "))) }}
{{- include "observability-stack.reject" (list (has . (list "secrets" "configmaps"))
  (printf "`kubeStateMetrics.resourceKinds` has %s, which would give kube-state-metrics access to all %s of the cluster." . .)
  "kubeStateMetrics.resourceKinds" (without $kinds "secrets" "configmaps")) }}
{{- end }}
{{- end -}}
