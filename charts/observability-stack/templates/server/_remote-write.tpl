{{/* Metrics that rules and dashboards use, by scrape job, as a JSON map of lists; empty if `scrape.allowList` is disabled. */}}
{{- define "observability-stack.allowedMetrics" -}}
{{- $list := .Files.Get "files/allow-list.yaml" | fromYaml -}}
{{- $allowed := dict -}}
{{- if and .Values.scrape.allowList.enabled $list .Values.server.remoteWrite -}}
{{- range list "kubelet" "cadvisor" "apiserver" "node-exporter" "kube-state-metrics" "prometheus" "alertmanager" "windows-exporter" -}}
{{- $_ := set $allowed . (concat (get $list . | default list) (list "up") $.Values.scrape.allowList.keep | uniq) -}}
{{- end -}}
{{- end -}}
{{- $allowed | toJson -}}
{{- end -}}

{{/*
Relabeling that keeps the allowed metrics of the cluster's jobs and all metrics of other jobs, as a JSON list. Regular
expressions have no negation, so all metrics are marked first, and allowed ones are unmarked.
*/}}
{{- define "observability-stack.writeRelabel" -}}
{{- $allowed := include "observability-stack.allowedMetrics" . | fromJson -}}
{{- $steps := list -}}
{{- if $allowed -}}
{{- $ours := keys $allowed | sortAlpha -}}
{{- $steps = append $steps (dict "source_labels" (list "job") "regex" (join "|" $ours) "target_label" "__tmp_drop" "replacement" "1") -}}
{{- /* Prometheus adds these to every scrape. One that any job allows is kept for all jobs. */}}
{{- $added := list "scrape_duration_seconds" "scrape_samples_post_metric_relabeling" "scrape_samples_scraped" "scrape_series_added" -}}
{{- range $allowed }}{{ range . }}{{ $added = without $added . }}{{ end }}{{ end -}}
{{- with $added -}}
{{- $steps = append $steps (dict "source_labels" (list "__name__") "regex" (join "|" .) "target_label" "__tmp_drop" "replacement" "1") -}}
{{- end -}}
{{- range $ours -}}
{{- $steps = append $steps (dict "source_labels" (list "job" "__name__") "regex" (printf "%s;(%s)" . (get $allowed . | join "|")) "target_label" "__tmp_drop" "replacement" "") -}}
{{- end -}}
{{- $steps = append $steps (dict "source_labels" (list "__tmp_drop") "regex" "1" "action" "drop") -}}
{{- end -}}
{{- $steps | toJson -}}
{{- end -}}

{{/*
Queue size of a remote: dict "root" $ "remote" <map>; a JSON map, empty without `server.queue.samplesPerSecond`. The shards can
send five times the expected rate, so that the backlog of a one-hour outage is sent in 15 minutes: 5 x samples per second x
seconds per request / batch size, divided among the shards of Prometheus. The capacity is five batches.
*/}}
{{- define "observability-stack.queueConfig" -}}
{{- $server := .root.Values.server -}}
{{- $queue := dict -}}
{{- if gt (int64 $server.queue.samplesPerSecond) 0 -}}
{{- $batch := ((.remote.queue_config | default dict).max_samples_per_send | default 2000) | int64 -}}
{{- $each := mul 1000 $batch (int64 $server.shards) -}}
{{- $shards := div (sub (add (mul 5 (int64 $server.queue.samplesPerSecond) (int64 $server.queue.latencyMilliseconds)) $each) 1) $each -}}
{{- $queue = dict "max_shards" (max 2 $shards) "capacity" (mul 5 $batch) -}}
{{- end -}}
{{- $queue | toJson -}}
{{- end -}}

{{/* Remotes with the defaults of the chart, as a JSON list. */}}
{{- define "observability-stack.remotesWithDefaults" -}}
{{- $remotes := list -}}
{{- range .Values.server.remoteWrite -}}
{{- $remote := deepCopy . -}}
{{- $_ := set $remote "url" (tpl .url $) -}}
{{- $workspace := include "observability-stack.ampWorkspace" $remote.url | fromJson -}}
{{- /* Without a region, Prometheus exits, or signs for an empty one where AWS_REGION is set. */}}
{{- if and (kindIs "map" $remote.sigv4) (not $remote.sigv4.region) -}}
{{- $_ := set $remote "sigv4" (mergeOverwrite (dict) $remote.sigv4 (dict "region" ($workspace.region | default $.Values.cluster.region))) -}}
{{- end -}}
{{- if and $.Values.aws.useFipsEndpoints (kindIs "map" $remote.sigv4) }}{{ $_ := set $remote.sigv4 "use_fips_sts_endpoint" true }}{{ end -}}
{{- /* Without it, samples that a backend throttles are dropped. */}}
{{- $sized := include "observability-stack.queueConfig" (dict "root" $ "remote" $remote) | fromJson -}}
{{- $_ := set $remote "queue_config" (mergeOverwrite (dict "retry_on_http_429" true) $sized ($remote.queue_config | default dict)) -}}
{{- if $remote.oauth2 }}{{ $_ := set $remote "oauth2" (include "observability-stack.proxiedClient" (dict "root" $ "client" $remote.oauth2) | fromJson) }}{{ end -}}
{{- $remotes = append $remotes (include "observability-stack.proxiedClient" (dict "root" $ "client" $remote) | fromJson) -}}
{{- end -}}
{{- $remotes | toJson -}}
{{- end -}}

{{/* The `remote_write` section of the configuration, as a JSON list. */}}
{{- define "observability-stack.remoteWriteConfig" -}}
{{- $steps := include "observability-stack.writeRelabel" . | fromJsonArray -}}
{{- $remotes := list -}}
{{- range $remote := include "observability-stack.remotesWithDefaults" . | fromJsonArray -}}
{{- with concat $steps (.write_relabel_configs | default list) }}{{ $_ := set $remote "write_relabel_configs" . }}{{ end -}}
{{- $remotes = append $remotes $remote -}}
{{- end -}}
{{- $remotes | toJson -}}
{{- end -}}
