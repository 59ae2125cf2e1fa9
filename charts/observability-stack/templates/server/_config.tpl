{{/* Prometheus' configuration, as data. */}}

{{/* Remotes as Prometheus reads them, with what goes without saying: a JSON list. */}}
{{- define "observability-stack.remotes" -}}
{{- $remotes := list -}}
{{- range .Values.server.remoteWrite -}}
{{- $remotes = append $remotes (mergeOverwrite (dict) (deepCopy .) (dict "url" (tpl .url $))) -}}
{{- end -}}
{{- $remotes | toJson -}}
{{- end -}}

{{/* Labels of all that is sent; a pair differs in `__replica__` alone. dict "root" $ "instance" <item of instances>. */}}
{{- define "observability-stack.externalLabels" -}}
{{- $values := .root.Values -}}
{{- $labels := dict "cluster" $values.cluster.name -}}
{{- if gt (int $values.server.replicas) 1 }}{{ $_ := set $labels "__replica__" .instance.name }}{{ end -}}
{{- mergeOverwrite (dict) $values.server.externalLabels $labels | toJson -}}
{{- end -}}

{{- define "observability-stack.config" -}}
{{- $scrape := .root.Values.scrape -}}
{{- $global := dict "scrape_interval" $scrape.interval "scrape_timeout" $scrape.timeout "external_labels" (include "observability-stack.externalLabels" . | fromJson) -}}
{{- $config := dict "global" $global "scrape_configs" (include "observability-stack.scrapeConfigs" . | fromJsonArray) -}}
{{- with include "observability-stack.remotes" .root | fromJsonArray }}{{ $_ := set $config "remote_write" . }}{{ end -}}
{{- if not (include "observability-stack.isAgent" .root) -}}
{{- $_ := set $global "evaluation_interval" $scrape.interval -}}
{{- end -}}
{{- if include "observability-stack.evaluatesRules" .root }}{{ $_ := set $config "rule_files" (list "/etc/prometheus-rules/*.yaml") }}{{ end -}}
{{- $config | toYaml -}}
{{- end -}}

{{/* A file for each pod: they differ in shard and replica. Argument: the root. */}}
{{- define "observability-stack.configData" -}}
{{- $files := dict -}}
{{- range include "observability-stack.instances" . | fromJsonArray -}}
{{- $_ := set $files .file (include "observability-stack.config" (dict "root" $ "instance" .)) -}}
{{- end -}}
{{- $files | toYaml -}}
{{- end -}}
