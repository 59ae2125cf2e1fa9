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

{{- define "observability-stack.kubeStateMetricsContainer" -}}
{{- $values := .Values.kubeStateMetrics -}}
args:
  - --port=8080
  - --telemetry-port=8081
  - --resources={{ $values.resourceKinds | uniq | sortAlpha | join "," }}
  {{- with $values.metricLabelsAllowlist }}
  - --metric-labels-allowlist={{ join "," . }}
  {{- end }}
  {{- with $values.extraArgs }}{{ toYaml . | nindent 2 }}{{ end }}
ports:
  - name: http
    containerPort: 8080
  - name: telemetry
    containerPort: 8081
{{ include "observability-stack.httpProbes" (dict "values" $values "paths" (dict "livenessProbe" "/livez" "readinessProbe" "/readyz") "ports" (dict "readinessProbe" "telemetry")) | trim }}
{{- end -}}
