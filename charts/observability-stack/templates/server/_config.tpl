{{/*
Alerting: dict "root" $ "labels" <external labels>. Replicas must send identical alerts for Alertmanager to deduplicate, so
`__replica__` is dropped.
*/}}
{{- define "observability-stack.alertingConfig" -}}
{{- $sd := include "observability-stack.ownPods" (dict "root" .root "components" (list "alertmanager")) | fromJsonArray -}}
alert_relabel_configs:
  {{- include "observability-stack.ownLabels" (omit .labels "__replica__") | fromJsonArray | toYaml | nindent 2 }}
  - regex: __replica__
    action: labeldrop
alertmanagers:
  - kubernetes_sd_configs: {{ $sd | toJson }}
    {{- with include "observability-stack.webClient" (dict "root" .root "component" "alertmanager" "prefix" "path_prefix" "path" "") | fromJson }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
    relabel_configs:
      - source_labels: [__meta_kubernetes_pod_container_port_name]
        regex: http
        action: keep
{{- end -}}

{{- define "observability-stack.prometheusConfig" -}}
{{- $scrape := .root.Values.scrape -}}
{{- $server := .root.Values.server -}}
{{- $labels := mergeOverwrite (dict) $server.externalLabels (dict "cluster" .root.Values.cluster.name) -}}
{{- /* Replicas differ only in this label. */}}
{{- if gt (int $server.replicas) 1 }}{{ $_ := set $labels "__replica__" .instance.name }}{{ end -}}
{{- $global := dict "scrape_interval" $scrape.interval "scrape_timeout" $scrape.timeout "external_labels" $labels -}}
{{- /* AMP permits no dots in names. Exporters that support it replace them with underscores. */}}
{{- if include "observability-stack.remoteWriteStatements" .root | fromJsonArray }}{{ $_ := set $global "metric_name_escaping_scheme" "underscores" }}{{ end -}}
{{- $config := dict "global" $global "scrape_configs" (include "observability-stack.scrapeConfigs" . | fromJsonArray) -}}
{{- with include "observability-stack.remoteWriteConfig" (dict "root" .root "labels" $labels) | fromJsonArray }}{{ $_ := set $config "remote_write" . }}{{ end -}}
{{- if not (include "observability-stack.prometheusIsAgent" .root) -}}
{{- $_ := set $global "evaluation_interval" $scrape.interval -}}
{{- if .root.Values.alertmanager.enabled -}}
{{- $_ := set $config "alerting" (include "observability-stack.alertingConfig" (dict "root" .root "labels" $labels) | fromYaml) -}}
{{- end -}}
{{- end -}}
{{- if include "observability-stack.evaluatesRules" .root }}{{ $_ := set $config "rule_files" (list "/etc/prometheus-rules/*.yaml") }}{{ end -}}
{{- $config | toYaml -}}
{{- end -}}

{{/* A configuration file for each instance, which differ in shard and replica. Argument: the root. */}}
{{- define "observability-stack.prometheusConfigData" -}}
{{- $files := dict -}}
{{- if include "observability-stack.isVmagent" . }}{{ $files = include "observability-stack.vmagentFiles" . | fromYaml }}{{ else -}}
{{- range include "observability-stack.prometheusInstances" . | fromJsonArray -}}
{{- $_ := set $files .file (include "observability-stack.prometheusConfig" (dict "root" $ "instance" .)) -}}
{{- end -}}
{{- end -}}
{{- $files | toYaml -}}
{{- end -}}
