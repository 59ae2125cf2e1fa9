{{/* Scrape configurations: the jobs of files/scrape-jobs.yaml with the values applied. */}}

{{/* Service discovery of pods of this release: dict "root" $ "components" <names>. */}}
{{- define "observability-stack.ownPods" -}}
{{- $selector := printf "app.kubernetes.io/name=%s,app.kubernetes.io/instance=%s,app.kubernetes.io/component in (%s)" (include "observability-stack.name" .root) .root.Release.Name (join "," .components) -}}
{{- list (dict "role" "pod" "namespaces" (dict "names" (list .root.Release.Namespace)) "selectors" (list (dict "role" "pod" "label" $selector))) | toJson -}}
{{- end -}}

{{/* Enabled jobs of the file by name, as JSON. Jobs without service discovery require their component. */}}
{{- define "observability-stack.enabledJobs" -}}
{{- $jobs := dict -}}
{{- range $name, $job := .Files.Get "files/scrape-jobs.yaml" | fromYaml -}}
{{- $key := $job.switch | default (include "observability-stack.valuesKey" $name) -}}
{{- $component := $job.component | default (ternary "server" $key (eq $name "prometheus")) -}}
{{- $cluster := and $job.kubernetes_sd_configs (not $job.component) -}}
{{- if and (get $.Values.scrape.jobs $key) (or $cluster (get $.Values $component).enabled) }}{{ $_ := set $jobs $name (omit $job "component" "switch") }}{{ end -}}
{{- end -}}
{{- $jobs | toJson -}}
{{- end -}}

{{/* Sorted names of the enabled jobs, as a JSON list. */}}
{{- define "observability-stack.jobNames" -}}
{{- include "observability-stack.enabledJobs" . | fromJson | keys | sortAlpha | toJson -}}
{{- end -}}

{{/*
Relabeling by the annotation `prometheus.io/interval`, a JSON list: dict "scrape" <values> "from" <label of the annotation>. Whole
seconds or minutes from `minInterval` to 5m are accepted; others change nothing, since Prometheus drops a target with an invalid
interval, or one shorter than its timeout. Longer intervals leave gaps in queries, which look back for 5m.
*/}}
{{- define "observability-stack.annotatedInterval" -}}
{{- $shortest := .scrape.minInterval | default .scrape.interval -}}
{{- $ms := include "observability-stack.milliseconds" $shortest | int -}}
{{- $seconds := div (add $ms 999) 1000 | int -}}
{{- $tens := div $seconds 10 | int -}}
{{- $longer := untilStep (add1 $tens | int) 30 1 | join "|" -}}
{{- $regex := printf "((?:%s[%d-9]|(?:%s)[0-9]|300)s|[%d-5]m)" (ternary (toString $tens) "" (gt $tens 0)) (mod $seconds 10) $longer (div (add $seconds 59) 60) -}}
{{- $steps := list (dict "source_labels" (list .from) "regex" $regex "target_label" "__scrape_interval__") -}}
{{- if lt $ms (include "observability-stack.milliseconds" .scrape.timeout | int) }}{{ $steps = append $steps (dict "source_labels" (list .from) "regex" $regex "target_label" "__scrape_timeout__" "replacement" $shortest) }}{{ end -}}
{{- ternary $steps list (le $seconds 240) | toJson -}}
{{- end -}}

{{/* All scrape configurations of a pod of Prometheus: dict "root" $ "instance" <item of prometheusInstances>; a JSON list. */}}
{{- define "observability-stack.scrapeConfigs" -}}
{{- $root := .root -}}
{{- $scrape := $root.Values.scrape -}}
{{- $shards := int $root.Values.server.shards -}}
{{- $servers := list -}}
{{- range include "observability-stack.prometheusInstances" $root | fromJsonArray }}{{ $servers = append $servers .component }}{{ end -}}
{{- /* An agent drops metrics that it does not send at the scrape; a server keeps them for queries. */}}
{{- $allowed := ternary (include "observability-stack.allowedMetrics" $root | fromJson) dict (include "observability-stack.prometheusIsAgent" $root | eq "true") -}}
{{- $chosen := include "observability-stack.chosenMetrics" $root | fromJsonArray -}}
{{- $configs := list -}}
{{- range $name, $job := include "observability-stack.enabledJobs" $root | fromJson -}}
{{- $_ := set $job "job_name" $name -}}
{{- if and $scrape.kubelet.insecureSkipVerify (has $name (list "kubelet" "cadvisor")) }}{{ $_ := set $job.tls_config "insecure_skip_verify" true }}{{ end -}}
{{- if not $job.kubernetes_sd_configs -}}
{{- $components := ternary $servers (list $name) (eq $name "prometheus") -}}
{{- $_ := set $job "kubernetes_sd_configs" (include "observability-stack.ownPods" (dict "root" $root "components" $components) | fromJsonArray) -}}
{{- end -}}
{{- if has $name (list "endpoints" "pods") -}}
{{- $annotation := printf "__meta_kubernetes_%s_annotation_prometheus_io_interval" (ternary "pod" "service" (eq $name "pods")) -}}
{{- $_ := set $job "relabel_configs" (concat $job.relabel_configs (include "observability-stack.annotatedInterval" (dict "scrape" $scrape "from" $annotation) | fromJsonArray)) -}}
{{- range $scrape.podLabels -}}
{{- $label := regexReplaceAll "[^A-Za-z0-9_]" . "_" -}}
{{- $_ := set $job "relabel_configs" (append $job.relabel_configs (dict "source_labels" (list (printf "__meta_kubernetes_pod_label_%s" $label)) "target_label" $label)) -}}
{{- end -}}
{{- with int $scrape.sampleLimit }}{{ $_ := set $job "sample_limit" . }}{{ end -}}
{{- end -}}
{{- if has $name (list "endpoints" "pods" "pushgateway") }}{{ with int $scrape.labelLimit }}{{ $_ := set $job "label_limit" . }}{{ end }}{{ end -}}
{{- if eq $name "probes" }}{{ $job = include "observability-stack.probesJob" (dict "root" $root "job" $job) | fromJson }}{{ end -}}
{{- if eq $name "pushgateway" }}{{ $_ := set $job "metric_relabel_configs" (include "observability-stack.reservedJobs" (dict "root" $root "job" $name) | fromJsonArray) }}{{ end -}}
{{- with get $allowed $name -}}
{{- $keep := dict "source_labels" (list "__name__") "regex" (concat . $chosen | join "|") "action" "keep" -}}
{{- $_ := set $job "metric_relabel_configs" (prepend ($job.metric_relabel_configs | default list) $keep) -}}
{{- end -}}
{{- /* Rules and dashboards use only `up` of the API server, whose other page has a hundredth of the series. */}}
{{- if and $allowed (eq $name "apiserver") (not $scrape.allowList.keep) (not $root.Values.rules.groups) }}{{ $_ := set $job "metrics_path" "/metrics/slis" }}{{ end -}}
{{- $component := ternary "server" $name (eq $name "prometheus") -}}
{{- if has $name (list "alertmanager" "prometheus" "pushgateway") }}{{ $job = merge (include "observability-stack.webClient" (dict "root" $root "component" $component "prefix" "metrics_path" "path" "/metrics") | fromJson) $job }}{{ end -}}
{{- $configs = append $configs $job -}}
{{- end -}}
{{- range $scrape.extraConfigs -}}
{{- $reserved := include "observability-stack.reservedJobs" (dict "root" $root "job" (toString .job_name)) | fromJsonArray -}}
{{- $limit := ternary (dict "label_limit" (int $scrape.labelLimit)) dict (gt (int $scrape.labelLimit) 0) -}}
{{- $configs = append $configs (merge (dict "metric_relabel_configs" (concat (.metric_relabel_configs | default list) $reserved)) . $limit) -}}
{{- end -}}
{{- if gt $shards 1 -}}
{{- $instance := .instance -}}
{{- $all := $configs -}}
{{- $configs = list -}}
{{- range $all -}}
{{- /* All probes have the address of blackbox_exporter. */}}
{{- $mine := list (dict "source_labels" (list (ternary "__param_target" "__address__" (eq .job_name "probes"))) "modulus" $shards "target_label" "__tmp_shard" "action" "hashmod") (dict "source_labels" (list "__tmp_shard") "regex" (toString $instance.shard) "action" "keep") -}}
{{- $configs = append $configs (merge (dict "relabel_configs" (concat (.relabel_configs | default list) $mine)) .) -}}
{{- end -}}
{{- end -}}
{{- $configs | toJson -}}
{{- end -}}
