{{/* Rules of the ClusterRoles, by component. None has nodes/proxy, which permits commands in any pod. */}}

{{- define "observability-stack.rules.container-insights" -}}
{{- $insights := .Values.containerInsights -}}
{{- /* Pods of the node, from its kubelet; nodes/stats, since Windows nodes have no cgroups to read. */ -}}
- {apiGroups: [""], resources: [nodes/pods{{ if $insights.windows.enabled }}, nodes/stats{{ end }}], verbs: [get]}
- apiGroups: [""]
  resources: [endpoints, namespaces, nodes, {{ if $insights.metrics.enhanced }}persistentvolumeclaims, persistentvolumes, {{ end }}pods, services]
  verbs: [list, watch]
- {apiGroups: [apps], resources: [daemonsets, deployments, replicasets, statefulsets], verbs: [list, watch]}
- {apiGroups: [batch], resources: [jobs], verbs: [list, watch]}
- {apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [list, watch]}
{{- if $insights.metrics.enhanced }}
- {apiGroups: [networking.k8s.io], resources: [ingresses], verbs: [list, watch]}
# Metrics of the API server.
- {nonResourceURLs: [/metrics], verbs: [get]}
{{- end }}
{{- end -}}

{{- define "observability-stack.rules.events" -}}
- {apiGroups: [""], resources: [events], verbs: [list, watch]}
{{- end -}}

{{- define "observability-stack.rules.kube-state-metrics" -}}
{{- $chosen := .Values.kubeStateMetrics.resourceKinds -}}
{{- range $group, $known := include "observability-stack.kindsByApiGroup" . | fromYaml -}}
{{- $kinds := list -}}
{{- range $known }}{{ if has . $chosen }}{{ $kinds = append $kinds . }}{{ end }}{{ end -}}
{{- if $kinds }}
- {apiGroups: [{{ $group | quote }}], resources: {{ toJson $kinds }}, verbs: [list, watch]}
{{- end }}
{{- end }}
{{- end -}}

{{- define "observability-stack.rules.logs" -}}
- {apiGroups: [""], resources: [{{ ternary "nodes/pods" "pods" (eq .Values.logs.metadata.from "kubelet") }}], verbs: [get]}
{{- end -}}

{{- define "observability-stack.rules.server" -}}
- {apiGroups: [""], resources: [nodes, pods, services], verbs: [get, list, watch]}
- {apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [get, list, watch]}
- {apiGroups: [""], resources: [nodes/metrics], verbs: [get]}
- {nonResourceURLs: [/metrics, /metrics/slis], verbs: [get]}
{{- $roles := list }}
{{- range .Values.scrape.extraConfigs }}{{ range .kubernetes_sd_configs }}{{ $roles = append $roles (get . "role") }}{{ end }}{{ end }}
{{- if has "endpoints" $roles }}
- {apiGroups: [""], resources: [endpoints], verbs: [get, list, watch]}
{{- end }}
{{- if has "ingress" $roles }}
- {apiGroups: [networking.k8s.io], resources: [ingresses], verbs: [get, list, watch]}
{{- end }}
{{- if .Values.scrape.jobs.controlPlane }}
- {apiGroups: [metrics.eks.amazonaws.com], resources: [kcm/metrics, ksh/metrics], verbs: [get]}
{{- end }}
{{- end -}}
