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
{{- $remotes = append $remotes (include "observability-stack.proxiedClient" (dict "root" $ "client" $remote) | fromJson) -}}
{{- end -}}
{{- $remotes | toJson -}}
{{- end -}}

{{/*
Relabeling that drops series whose names AMP does not permit, as a YAML list: one of them would cost all samples of its request.
Prometheus counts the samples (`prometheus_remote_storage_samples_dropped_total`).
*/}}
{{- define "observability-stack.legacyNames" -}}
- {source_labels: [__name__], regex: "[a-zA-Z_:][a-zA-Z0-9_:]*", action: keep}
- {regex: ".*[^a-zA-Z0-9_].*|[0-9].*", replacement: __tmp_not_legacy, action: labelmap}
- {source_labels: [__tmp_not_legacy], regex: .+, action: drop}
{{- end -}}

{{/* The `remote_write` section of the configuration: dict "root" $ "labels" <external labels>; a JSON list. */}}
{{- define "observability-stack.remoteWriteConfig" -}}
{{- /* AMP would deduplicate the samples of a single pod by the label `__replica__` of a metric. */}}
{{- $labels := merge (dict) .labels (dict "__replica__" "") -}}
{{- $steps := concat (include "observability-stack.ownLabels" $labels | fromJsonArray) (include "observability-stack.writeAllowed" .root | fromJsonArray) -}}
{{- $remotes := list -}}
{{- range $remote := include "observability-stack.remotesWithDefaults" .root | fromJsonArray -}}
{{- $names := ternary (include "observability-stack.legacyNames" $ | fromYamlArray) list (ne "" (include "observability-stack.ampWorkspace" .url | fromJson).region) -}}
{{- $_ := set $remote "write_relabel_configs" (concat $names $steps (.write_relabel_configs | default list)) -}}
{{- $remotes = append $remotes $remote -}}
{{- end -}}
{{- $remotes | toJson -}}
{{- end -}}
