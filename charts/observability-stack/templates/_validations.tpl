{{/*
Checks that the schema cannot express. Each returns messages (problem, place, YAML to write), and all messages are reported
together.
*/}}
{{- define "observability-stack.validate" -}}
{{- include "observability-stack.runChecks" (dict "root" . "checks" (list "Fullname" "Mode" "Region" "Remotes" "Labels" "Identity" "Proxy" "Scrape" "Probes" "Web" "Vmagent" "AllowList" "Storage" "Kinds" "DisabledAlerts" "RuleGroups" "Monitors" "Traces" "Redaction" "Logs" "Fargate" "Insights")) -}}
{{- end -}}

{{- define "observability-stack.checkMode" -}}
{{- $server := .Values.server -}}
{{- $region := .Values.cluster.region -}}
{{- $url := printf "https://aps-workspaces.%s.%s/workspaces/ws-.../api/v1/remote_write" $region (include "observability-stack.dnsSuffix" $region) }}
{{- include "observability-stack.reject" (list (and (eq $server.mode "agent") (not $server.remoteWrite))
  "`server.mode` is agent, but `server.remoteWrite` is empty: an agent stores nothing and would send its samples nowhere."
  "server.remoteWrite" (list (dict "url" $url "sigv4" (dict "region" $region))) "server.mode" "server") }}
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

{{/* Every RBAC role that is bound requires a service account of its own. */}}
{{- define "observability-stack.checkIdentity" -}}
{{- $bound := list -}}
{{- range list "server" "kube-state-metrics" "logs" "events" "container-insights" -}}
{{- if include "observability-stack.bindsRole" (dict "root" $ "component" .) }}{{ $bound = append $bound (include "observability-stack.valuesKey" .) }}{{ end -}}
{{- end -}}
{{- range $name, $account := .Values.serviceAccounts }}
{{- $given := dict "path" (printf "serviceAccounts.%s" $name) "account" $account "type" $.Values.identity.type }}
{{- if has $name $bound }}{{ include "observability-stack.checkDefaultAccount" $given }}{{ end }}
{{- include "observability-stack.checkRole" $given }}
{{- end }}
{{- range $index, $receiver := .Values.alertmanager.config.receivers }}
{{- range $number, $target := .sns_configs }}
{{- include "observability-stack.checkAssumedRole" (dict "option" (printf "alertmanager.config.receivers[%d].sns_configs[%d].sigv4.role_arn" $index $number) "role" (.sigv4 | default dict).role_arn
  "path" "serviceAccounts.alertmanager" "account" $.Values.serviceAccounts.alertmanager "pairs" list) }}
{{- end }}
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

{{/*
A message about a buffer that exceeds the memory of its container: dict "path" <of the component> "block" <its values> "option"
<path of the buffer's size in the block> "base" "factor" <MiB that the container uses without the buffer, and for each unit of it>.
*/}}
{{- define "observability-stack.rejectBuffer" -}}
{{- $size := (include "observability-stack.at" (dict "values" .block "path" .option) | fromJson).value -}}
{{- $limit := dig "memory" "" (.block.resources.limits | default dict) | toString -}}
{{- $unit := regexFind "[A-Za-z]+$" $limit -}}
{{- with get (dict "Mi" 1.0 "Gi" 1024.0 "M" 0.953 "G" 953.6) $unit }}
{{- $room := trimSuffix $unit $limit | float64 | mulf . }}
{{- $needed := mulf $.factor $size | addf $.base | ceil }}
{{- include "observability-stack.reject" (list (gt $needed $room)
  (printf "`%s.%s` is %v, so the container can use %vMi, but `%s.resources.limits.memory` is %s: it would be OOM-killed during an outage, and its buffer lost." $.path $.option $size $needed $.path $limit)
  (printf "%s.resources.limits.memory" $.path) (printf "%vMi" $needed)
  (printf "%s.%s" $.path $.option) (divf (subf $room $.base) $.factor | floor | int | max 8)) }}
{{- end }}
{{- end -}}
