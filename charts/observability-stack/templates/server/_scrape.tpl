{{/*
Scrape configurations. Each job is a constant YAML document, to which adaptJob applies the values. Targets are endpoints: the
address of a Service would reach a different pod with each scrape.
*/}}

{{/* Service discovery of pods of this release: dict "root" $ "components" <names>. */}}
{{- define "observability-stack.ownPods" -}}
{{- $selector := printf "app.kubernetes.io/name=%s,app.kubernetes.io/instance=%s,app.kubernetes.io/component in (%s)" (include "observability-stack.name" .root) .root.Release.Name (join "," .components) -}}
{{- list (dict "role" "pod" "namespaces" (dict "names" (list .root.Release.Namespace)) "selectors" (list (dict "role" "pod" "label" $selector))) | toJson -}}
{{- end -}}

{{- define "observability-stack.job.kubelet" -}}
scheme: https
kubernetes_sd_configs:
  - role: node
authorization:
  credentials_file: /var/run/secrets/kubernetes.io/serviceaccount/token
tls_config:
  ca_file: /var/run/secrets/kubernetes.io/serviceaccount/ca.crt
relabel_configs:
  - source_labels: [__meta_kubernetes_node_name]
    target_label: node
{{- end -}}

{{- define "observability-stack.job.cadvisor" -}}
{{ include "observability-stack.job.kubelet" . }}
metrics_path: /metrics/cadvisor
# Timestamps of the kubelet are up to 15 s old, and AMP rejects samples that are out of order.
honor_timestamps: false
metric_relabel_configs:
  # Keep pods and the root cgroup, and drop other cgroups. Metrics `machine_*` have neither label.
  - source_labels: [id, pod]
    separator: ;
    regex: /?;|.*;.+
    action: keep
{{- end -}}

{{- define "observability-stack.job.apiserver" -}}
scheme: https
kubernetes_sd_configs:
  - role: endpointslice
    namespaces:
      names: [default]
authorization:
  credentials_file: /var/run/secrets/kubernetes.io/serviceaccount/token
tls_config:
  ca_file: /var/run/secrets/kubernetes.io/serviceaccount/ca.crt
  # The certificate is valid for this name, but not necessarily for the addresses of the endpoints.
  server_name: kubernetes.default.svc
relabel_configs:
  - source_labels: [__meta_kubernetes_service_name, __meta_kubernetes_endpointslice_port_name]
    regex: kubernetes;https
    action: keep
{{- end -}}

{{/* Pods of this release; adaptJob adds the service discovery. */}}
{{- define "observability-stack.job.prometheus" -}}
relabel_configs:
  - source_labels: [__meta_kubernetes_pod_container_port_name]
    regex: http
    action: keep
  - source_labels: [__meta_kubernetes_namespace]
    target_label: namespace
  - source_labels: [__meta_kubernetes_pod_name]
    target_label: pod
{{- end -}}

{{- define "observability-stack.job.node-exporter" -}}
relabel_configs:
  - source_labels: [__meta_kubernetes_pod_node_name]
    target_label: node
{{- end -}}

{{/*
honor_labels: its series carry the names of other pods, which must not be overwritten.
*/}}
{{- define "observability-stack.job.kube-state-metrics" -}}
honor_labels: true
relabel_configs:
  # The port telemetry has its own metrics, such as failed list and watch requests.
  - source_labels: [__meta_kubernetes_pod_container_port_name]
    regex: http|telemetry
    action: keep
{{- end -}}

{{- define "observability-stack.job.alertmanager" -}}
{{ include "observability-stack.job.prometheus" . }}
{{- end -}}

{{/* honor_labels: pushed metrics carry their own job label. */}}
{{- define "observability-stack.job.pushgateway" -}}
honor_labels: true
{{ include "observability-stack.job.prometheus" . }}
{{- end -}}

{{/* Annotated pods. An annotated port belongs to no known container, so such targets have no label container. */}}
{{- define "observability-stack.job.pods" -}}
kubernetes_sd_configs:
  - role: pod
relabel_configs:
  - source_labels: [__meta_kubernetes_pod_annotation_prometheus_io_scrape]
    regex: "true"
    action: keep
  - source_labels: [__meta_kubernetes_pod_phase]
    regex: Pending|Succeeded|Failed|Completed
    action: drop
  # Without an annotated port, skip containers that declare no TCP port.
  - source_labels: [__meta_kubernetes_pod_annotation_prometheus_io_port, __meta_kubernetes_pod_container_port_protocol]
    regex: ;(UDP|SCTP)?
    action: drop
  - source_labels: [__meta_kubernetes_pod_annotation_prometheus_io_scheme]
    regex: (https?)
    target_label: __scheme__
  - source_labels: [__meta_kubernetes_pod_annotation_prometheus_io_path]
    regex: (.+)
    target_label: __metrics_path__
  - source_labels: [__meta_kubernetes_pod_container_name, __meta_kubernetes_pod_annotation_prometheus_io_port]
    regex: (.+);
    target_label: container
  - source_labels: [__meta_kubernetes_pod_annotation_prometheus_io_port, __meta_kubernetes_pod_ip]
    regex: (\d+);(.*:.*)
    replacement: "[$2]:$1"
    target_label: __address__
  - source_labels: [__meta_kubernetes_pod_annotation_prometheus_io_port, __meta_kubernetes_pod_ip]
    regex: (\d+);([^:]+)
    replacement: $2:$1
    target_label: __address__
  - source_labels: [__meta_kubernetes_namespace]
    target_label: namespace
  - source_labels: [__meta_kubernetes_pod_name]
    target_label: pod
  - source_labels: [__meta_kubernetes_pod_node_name]
    target_label: node
{{- end -}}

{{- define "observability-stack.job.endpoints" -}}
kubernetes_sd_configs:
  - role: endpointslice
relabel_configs:
  - source_labels: [__meta_kubernetes_service_annotation_prometheus_io_scrape]
    regex: "true"
    action: keep
  - source_labels: [__meta_kubernetes_service_annotation_prometheus_io_scheme]
    regex: (https?)
    target_label: __scheme__
  - source_labels: [__meta_kubernetes_service_annotation_prometheus_io_path]
    regex: (.+)
    target_label: __metrics_path__
  - source_labels: [__address__, __meta_kubernetes_service_annotation_prometheus_io_port]
    regex: (\[.+\]|[^:]+)(?::\d+)?;(\d+)
    replacement: $1:$2
    target_label: __address__
  # An IPv6 address without a port has no brackets.
  - source_labels: [__address__, __meta_kubernetes_service_annotation_prometheus_io_port]
    regex: ([^\[\]]*:[^\[\]]*:[^\[\]]*);(\d+)
    replacement: "[$1]:$2"
    target_label: __address__
  - source_labels: [__meta_kubernetes_namespace]
    target_label: namespace
  - source_labels: [__meta_kubernetes_service_name]
    target_label: service
  - source_labels: [__meta_kubernetes_pod_name]
    target_label: pod
  - source_labels: [__meta_kubernetes_pod_node_name]
    target_label: node
{{- end -}}

{{/* Jobs whose targets are pods of this release, with their keys in the values: a JSON map. */}}
{{- define "observability-stack.ownJobs" -}}
{"alertmanager": "alertmanager", "kube-state-metrics": "kubeStateMetrics", "node-exporter": "nodeExporter", "prometheus": "server", "pushgateway": "pushgateway"}
{{- end -}}

{{/* Sorted names of the enabled jobs, as a JSON list. */}}
{{- define "observability-stack.jobNames" -}}
{{- $own := include "observability-stack.ownJobs" . | fromJson -}}
{{- $jobs := list -}}
{{- range $key, $name := dict "kubelet" "kubelet" "cadvisor" "cadvisor" "apiserver" "apiserver" "nodeExporter" "node-exporter" "kubeStateMetrics" "kube-state-metrics" "prometheus" "prometheus" "alertmanager" "alertmanager" "pushgateway" "pushgateway" "endpoints" "endpoints" "pods" "pods" -}}
{{- $there := true -}}
{{- with get $own $name }}{{ $there = (get $.Values .).enabled }}{{ end -}}
{{- if and $there (get $.Values.scrape.jobs $key) }}{{ $jobs = append $jobs $name }}{{ end -}}
{{- end -}}
{{- $jobs | sortAlpha | toJson -}}
{{- end -}}

{{/* Applies the values to a job: dict "root" $ "name" <job> "job" <map, changed in place>. */}}
{{- define "observability-stack.adaptJob" -}}
{{- $scrape := .root.Values.scrape -}}
{{- if has .name (list "kubelet" "cadvisor") -}}
{{- if $scrape.kubelet.insecureSkipVerify }}{{ $_ := set .job.tls_config "insecure_skip_verify" true }}{{ end -}}
{{- end -}}
{{- if hasKey (include "observability-stack.ownJobs" .root | fromJson) .name -}}
{{- $components := list .name -}}
{{- if eq .name "prometheus" -}}
{{- $components = list -}}
{{- range include "observability-stack.prometheusInstances" .root | fromJsonArray }}{{ $components = append $components .component }}{{ end -}}
{{- end -}}
{{- $_ := set .job "kubernetes_sd_configs" (include "observability-stack.ownPods" (dict "root" .root "components" $components) | fromJsonArray) -}}
{{- end -}}
{{- if has .name (list "endpoints" "pods") -}}
{{- range $scrape.podLabels -}}
{{- $name := regexReplaceAll "[^A-Za-z0-9_]" . "_" -}}
{{- $_ := set $.job "relabel_configs" (append $.job.relabel_configs (dict "source_labels" (list (printf "__meta_kubernetes_pod_label_%s" $name)) "target_label" $name)) -}}
{{- end -}}
{{- with int $scrape.sampleLimit }}{{ $_ := set $.job "sample_limit" . }}{{ end -}}
{{- with int $scrape.labelLimit }}{{ $_ := set $.job "label_limit" . }}{{ end -}}
{{- end -}}
{{- /* An agent drops metrics that it does not send at the scrape; a server keeps them for queries. */}}
{{- if include "observability-stack.prometheusIsAgent" .root -}}
{{- with get (include "observability-stack.allowedMetrics" .root | fromJson) .name -}}
{{- $keep := dict "source_labels" (list "__name__") "regex" (join "|" .) "action" "keep" -}}
{{- $_ := set $.job "metric_relabel_configs" (prepend ($.job.metric_relabel_configs | default list) $keep) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* All scrape configurations of a pod of Prometheus: dict "root" $ "instance" <item of prometheusInstances>; a JSON list. */}}
{{- define "observability-stack.scrapeConfigs" -}}
{{- $root := .root -}}
{{- $shards := int $root.Values.server.shards -}}
{{- $configs := list -}}
{{- range $name := include "observability-stack.jobNames" $root | fromJsonArray -}}
{{- $job := include (printf "observability-stack.job.%s" $name) $root | fromYaml -}}
{{- $_ := set $job "job_name" $name -}}
{{- include "observability-stack.adaptJob" (dict "root" $root "name" $name "job" $job) -}}
{{- $configs = append $configs $job -}}
{{- end -}}
{{- $configs = concat $configs $root.Values.scrape.extraConfigs -}}
{{- if gt $shards 1 -}}
{{- $mine := list (dict "source_labels" (list "__address__") "modulus" $shards "target_label" "__tmp_shard" "action" "hashmod") (dict "source_labels" (list "__tmp_shard") "regex" (toString .instance.shard) "action" "keep") -}}
{{- $sharded := list -}}
{{- range $configs -}}
{{- $sharded = append $sharded (mergeOverwrite (dict) . (dict "relabel_configs" (concat (.relabel_configs | default list) $mine))) -}}
{{- end -}}
{{- $configs = $sharded -}}
{{- end -}}
{{- $configs | toJson -}}
{{- end -}}
