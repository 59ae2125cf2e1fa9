{{/* Series that are sent: the allow-list of the cluster's jobs. */}}

{{/* Jobs of which only allowed metrics are sent, as a JSON list. A scrape configuration of yours replaces one by its name. */}}
{{- define "observability-stack.listedJobs" -}}
{{- $jobs := list "alertmanager" "apiserver" "cadvisor" "kube-state-metrics" "kubelet" "node-exporter" "prometheus" "windows-exporter" -}}
{{- if .Values.blackboxExporter.enabled }}{{ $jobs = append $jobs "probes" }}{{ end -}}
{{- range .Values.scrape.extraConfigs }}{{ $jobs = without $jobs (toString .job_name) }}{{ end -}}
{{- $jobs | toJson -}}
{{- end -}}

{{/*
Steps that reserve the names of the chart's jobs, as a JSON list: metrics of another job that honors labels keep such a name in
`exported_job`, so that they pose as no metrics of the cluster. Argument: dict "root" $ "job" <name of that job>.
*/}}
{{- define "observability-stack.reservedJobs" -}}
{{- $reserved := concat (include "observability-stack.listedJobs" .root | fromJsonArray) (include "observability-stack.jobNames" .root | fromJsonArray) | uniq -}}
{{- $claims := dict "source_labels" (list "job") "regex" (without $reserved .job | sortAlpha | join "|" | printf "(%s)") -}}
{{- list (merge (dict "target_label" "exported_job") $claims) (merge (dict "target_label" "job" "replacement" (replace "$" "$$" .job)) $claims) | toJson -}}
{{- end -}}

{{/* Regular expressions by which a query selects metrics (`__name__=~"..."`), as a JSON list. */}}
{{- define "observability-stack.namePatterns" -}}
{{- $patterns := list -}}
{{- range regexFindAll "__name__[\"'`]?\\s*=~\\s*[\"'`][^\"'`]*" . -1 }}{{ $patterns = append $patterns (regexReplaceAll "^.*=~\\s*[\"'`]" . "" | replace "\\\\" "\\") }}{{ end -}}
{{- $patterns | toJson -}}
{{- end -}}

{{/* Whether Prometheus accepts a regular expression: with an empty alternative, a valid one matches an empty text. */}}
{{- define "observability-stack.isRegex" -}}
{{- if regexMatch (printf "%s|" .) "" }}true{{ end -}}
{{- end -}}

{{/* Metrics that the values choose in addition to those of rules and dashboards: regular expressions, a JSON list. */}}
{{- define "observability-stack.chosenMetrics" -}}
{{- $known := .Files.Get "files/exporters.yaml" | fromYaml -}}
{{- $chosen := list -}}
{{- range .Values.scrape.allowList.keep }}{{ $chosen = append $chosen (printf "(?:%s)" .) }}{{ end -}}
{{- /* All metrics of the cluster have an underscore. Functions are no metrics; other words of a query do no harm. */}}
{{- range ternary .Values.rules.groups list .Values.rules.enabled }}{{ range .rules -}}
{{- range regexFindAll "[A-Za-z_:][A-Za-z0-9_:]*_[A-Za-z0-9_:]*" (regexReplaceAll "[a-z_0-9]+\\s*\\(" .expr "(") -1 }}{{ $chosen = append $chosen . }}{{ end -}}
{{- range include "observability-stack.namePatterns" .expr | fromJsonArray }}{{ $chosen = append $chosen (printf "(?:%s)" .) }}{{ end -}}
{{- end }}{{ end -}}
{{- with .Values.kubeStateMetrics -}}
{{- range .resourceKinds }}{{ if not (has . $known.kinds) }}{{ $chosen = append $chosen (printf "kube_%s(_.+)?" (regexReplaceAll "ies$" . "ys" | trimSuffix "s" | replace "sse" "ss")) }}{{ end }}{{ end -}}
{{- if .metricLabelsAllowlist }}{{ $chosen = append $chosen "kube_[a-z]+_labels" }}{{ end -}}
{{- range .extraArgs -}}
{{- if hasPrefix "--metric-annotations-allowlist" . }}{{ $chosen = append $chosen "kube_[a-z]+_annotations" }}{{ end -}}
{{- if hasPrefix "--custom-resource-state" . }}{{ $chosen = append $chosen "kube_customresource_.+" }}{{ end -}}
{{- if hasPrefix "--metric-opt-in-list=" . }}{{ $chosen = concat $chosen (trimPrefix "--metric-opt-in-list=" . | splitList ",") }}{{ end -}}
{{- end -}}
{{- end -}}
{{- range .Values.nodeExporter.extraArgs -}}
{{- with regexFind "^--collector\\.[a-z_]+(=true)?$" . | trimPrefix "--collector." | trimSuffix "=true" }}{{ $chosen = append $chosen (printf "node_(%s)(_.+)?" (get $known.nodeCollectors . | default .)) }}{{ end -}}
{{- end -}}
{{- range .Values.windowsExporter.collectors }}{{ if not (has . $known.windowsCollectors) }}{{ $chosen = append $chosen (printf "windows_%s(_.+)?" .) }}{{ end }}{{ end -}}
{{- $chosen | uniq | sortAlpha | toJson -}}
{{- end -}}

{{/* Metrics to send by scrape job, a JSON map of lists of regular expressions; empty if `scrape.allowList` is disabled. */}}
{{- define "observability-stack.allowedMetrics" -}}
{{- $list := .Files.Get "files/allow-list.yaml" | fromYaml -}}
{{- $allowed := dict -}}
{{- if and .Values.scrape.allowList.enabled $list .Values.server.remoteWrite -}}
{{- range include "observability-stack.listedJobs" . | fromJsonArray }}{{ $_ := set $allowed . (append (get $list . | default list) "up" | uniq) }}{{ end -}}
{{- end -}}
{{- $allowed | toJson -}}
{{- end -}}

{{/*
Relabeling of remotes that applies the allow-list, as a JSON list. Regular expressions have no negation, so all metrics of the
cluster's jobs are marked first, and allowed ones are unmarked. Results of rules are sent whatever job they name.
*/}}
{{- define "observability-stack.writeAllowed" -}}
{{- $steps := list -}}
{{- with include "observability-stack.allowedMetrics" . | fromJson -}}
{{- $mark := dict "target_label" "__tmp_not_allowed" "replacement" "" -}}
{{- $chosen := concat (list ".*:.*" "ALERTS" "ALERTS_FOR_STATE") (include "observability-stack.chosenMetrics" $ | fromJsonArray) -}}
{{- range $.Values.rules.groups }}{{ range .rules }}{{ with .record }}{{ $chosen = append $chosen . }}{{ end }}{{ end }}{{ end -}}
{{- $steps = list $mark (merge (dict "source_labels" (list "job") "regex" (keys . | sortAlpha | join "|") "replacement" "1") $mark) -}}
{{- range $job, $metrics := . -}}
{{- $steps = append $steps (merge (dict "source_labels" (list "job" "__name__") "regex" (printf "%s;(%s)" $job (join "|" $metrics))) $mark) -}}
{{- end -}}
{{- $steps = append $steps (merge (dict "source_labels" (list "__name__") "regex" (uniq $chosen | join "|")) $mark) -}}
{{- $steps = append $steps (dict "source_labels" (list "__tmp_not_allowed") "regex" "1" "action" "drop") -}}
{{- end -}}
{{- $steps | toJson -}}
{{- end -}}

{{/*
Relabeling that gives every series or alert these labels, as a JSON list. An external label does not replace a label of a
metric, so the metric's own is renamed, with the prefix `exported_`. Argument: the labels; an empty value removes the label.
*/}}
{{- define "observability-stack.ownLabels" -}}
{{- $before := list -}}
{{- $after := list -}}
{{- range $name, $value := . -}}
{{- if $value }}{{ $before = append $before (dict "source_labels" (list $name) "regex" (regexQuoteMeta $value) "target_label" $name "replacement" "") }}{{ end -}}
{{- $after = append $after (dict "target_label" $name "replacement" $value) -}}
{{- end -}}
{{- $rename := dict "action" "labelmap" "regex" (keys . | sortAlpha | join "|" | printf "(%s)") "replacement" "exported_$1" -}}
{{- concat $before (list $rename) $after | toJson -}}
{{- end -}}
