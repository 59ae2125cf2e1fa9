{{/*
Checks of a workload's objects, whose blocks may be values of the chart or an item of a list. Each takes dict "values" <map that
has these blocks> "path" <of this map, with a dot behind it> and, for an item, "where" <what the messages start with>.
*/}}

{{/* Messages about the Service, which is enabled: blocks `service` and `ports`, the container ports. */}}
{{- define "shared.checkService" -}}
{{- $path := printf "%sservice" .path -}}
{{- $start := printf "%s`%s" (.where | default "") $path -}}
{{- $service := .values.service -}}
{{- $names := list -}}
{{- range .values.ports }}{{ $names = append $names .name }}{{ end -}}
{{- $names = compact $names -}}
{{- include "shared.reject" (list (not $service.ports) (printf "%s.ports` is empty, but a Service requires at least one port." $start)
  (printf "%s.ports" $path) (list (dict "port" 80)) (printf "%s.enabled" $path) false) }}
{{- range $index, $port := $service.ports }}
{{- include "shared.reject" (concat
  (list (and (kindIs "string" .targetPort) (not (has .targetPort $names)))
    (printf "%s.ports[%d].targetPort` is %v, but `%sports` has no port with that name." $start $index .targetPort $.path)
    (printf "%sports" $.path) (list (dict "name" .targetPort "containerPort" (int .port))))
  (ternary (list (printf "%s.ports" $path) (list (dict "port" (int .port) "targetPort" (first (append $names ""))))) list (gt (len $names) 0))) }}
{{- end }}
{{- range $field := list "loadBalancerClass" "loadBalancerSourceRanges" }}
{{- include "shared.reject" (list (and (get $service $field) (ne $service.type "LoadBalancer"))
  (printf "%s.%s` is set, but `%s.type` is %s." $start $field $path $service.type) (printf "%s.type" $path) "LoadBalancer") }}
{{- end }}
{{- include "shared.reject" (list (and (get $service "externalTrafficPolicy") (eq $service.type "ClusterIP"))
  (printf "%s.externalTrafficPolicy` is set, but `%s.type` is ClusterIP." $start $path) (printf "%s.externalTrafficPolicy" $path) "") }}
{{- end -}}

{{/* A message about a PodDisruptionBudget without a limit: block `podDisruptionBudget`. */}}
{{- define "shared.checkBudgetLimit" -}}
{{- $budget := .values.podDisruptionBudget -}}
{{- include "shared.reject" (list (and $budget.enabled (eq (printf "%v%v" $budget.minAvailable $budget.maxUnavailable) ""))
  (printf "%s`%spodDisruptionBudget` is enabled, but `minAvailable` and `maxUnavailable` are empty." (.where | default "") .path)
  (printf "%spodDisruptionBudget.maxUnavailable" .path) 1) }}
{{- end -}}
