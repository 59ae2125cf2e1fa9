{{/* Kinds that kube-state-metrics supports, by API group. */}}
{{- define "observability-stack.kindsByApiGroup" -}}
admissionregistration.k8s.io: [mutatingwebhookconfigurations, validatingwebhookconfigurations]
apps: [daemonsets, deployments, replicasets, statefulsets]
autoscaling: [horizontalpodautoscalers]
batch: [cronjobs, jobs]
certificates.k8s.io: [certificatesigningrequests]
coordination.k8s.io: [leases]
discovery.k8s.io: [endpointslices]
networking.k8s.io: [ingressclasses, ingresses, networkpolicies]
policy: [poddisruptionbudgets]
rbac.authorization.k8s.io: [clusterrolebindings, clusterroles, rolebindings, roles]
storage.k8s.io: [storageclasses, volumeattachments]
"": [configmaps, endpoints, limitranges, namespaces, nodes, persistentvolumeclaims, persistentvolumes, pods, replicationcontrollers, resourcequotas, secrets, serviceaccounts, services]
{{- end -}}

{{- define "observability-stack.kubeStateMetricsPod" -}}
{{- $values := .Values.kubeStateMetrics -}}
token: true
args:
  - --port=8080
  - --telemetry-port=8081
  - --resources={{ $values.resourceKinds | uniq | sortAlpha | join "," }}
  {{- with $values.metricLabelsAllowlist }}
  - {{ printf "--metric-labels-allowlist=%s" (join "," .) | quote }}
  {{- end }}
ports:
  - {name: http, containerPort: 8080}
  - {name: telemetry, containerPort: 8081}
handlers:
  livenessProbe: {httpGet: {path: /livez, port: http}}
  readinessProbe: {httpGet: {path: /readyz, port: telemetry}}
{{- end -}}
