{{/* Checks of `scrape` and of the storage of Prometheus. */}}

{{/* A Prometheus duration in milliseconds. Argument: the text. */}}
{{- define "observability-stack.milliseconds" -}}
{{- $units := dict "ms" 1 "s" 1000 "m" 60000 "h" 3600000 "d" 86400000 "w" 604800000 "y" 31536000000 -}}
{{- $sum := 0 -}}
{{- range regexFindAll "[0-9]+[a-z]+" . -1 -}}
{{- $sum = add $sum (mul (regexFind "^[0-9]+" . | int64) (get $units (regexFind "[a-z]+$" .))) -}}
{{- end -}}
{{- $sum -}}
{{- end -}}

{{/* A size of Prometheus (6GB) or Kubernetes (8Gi) in bytes; Prometheus also counts in powers of 1024. Argument: the text. */}}
{{- define "observability-stack.bytes" -}}
{{- $powers := dict "" 0 "B" 0 "K" 1 "M" 2 "G" 3 "T" 4 "P" 5 "E" 6 -}}
{{- $sum := regexFind "^[0-9]+" . | int64 -}}
{{- range until (get $powers (regexFind "[BKMGTPEk]" . | upper) | int) }}{{ $sum = mul $sum 1024 }}{{ end -}}
{{- $sum -}}
{{- end -}}

{{/* Metrics that the allow-list cannot send. */}}
{{- define "observability-stack.checkAllowList" -}}
{{- range $index, $metrics := .Values.scrape.allowList.keep -}}
{{- include "observability-stack.reject" (list (not (include "observability-stack.isRegex" $metrics))
  (printf "`scrape.allowList.keep[%d]` is %q, which is not a regular expression, so Prometheus would not start." $index $metrics)
  "scrape.allowList.keep" (list "node_load.*")) }}
{{- end -}}
{{- if include "observability-stack.allowedMetrics" . | fromJson -}}
{{- range .Values.rules.groups }}{{ range .rules }}{{ range include "observability-stack.namePatterns" .expr | fromJsonArray -}}
{{- include "observability-stack.reject" (list (not (include "observability-stack.isRegex" .))
  (printf "`rules.groups` has a rule that selects metrics by `__name__=~%q`, which is not a regular expression, so Prometheus would not start." .)) }}
{{- end }}{{ end }}{{ end -}}
{{- $files := list -}}
{{- range .Values.nodeExporter.extraArgs }}{{ if hasPrefix "--collector.textfile.directory" . }}{{ $files = append $files "nodeExporter.extraArgs" }}{{ end }}{{ end -}}
{{- range list "textfile" "performancecounter" }}{{ if has . $.Values.windowsExporter.collectors }}{{ $files = append $files "windowsExporter.collectors" }}{{ end }}{{ end -}}
{{- range $files -}}
{{- include "observability-stack.reject" (list (empty $.Values.scrape.allowList.keep)
  (printf "`%s` adds metrics whose names you choose, and the allow-list does not send them. List their names." .)
  "scrape.allowList.keep" (list "backup_.*") "scrape.allowList.enabled" false) }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "observability-stack.checkScrape" -}}
{{- $scrape := .Values.scrape -}}
{{- $interval := include "observability-stack.milliseconds" $scrape.interval | int64 }}
{{- $timeout := include "observability-stack.milliseconds" $scrape.timeout | int64 }}
{{- include "observability-stack.reject" (list (lt $interval 1000)
  (printf "`scrape.interval` is %s, which is less than a second." $scrape.interval) "scrape.interval" "60s") }}
{{- include "observability-stack.reject" (list (and (ge $interval 1000) (gt $timeout $interval))
  (printf "`scrape.timeout` (%s) is longer than `scrape.interval` (%s), so Prometheus would not start." $scrape.timeout $scrape.interval)
  "scrape.timeout" $scrape.interval) }}
{{- include "observability-stack.reject" (list (eq 0 (int $timeout))
  (printf "`scrape.timeout` is %s, so every scrape would fail." $scrape.timeout) "scrape.timeout" "15s") }}
{{- with $scrape.minInterval }}
{{- $shortest := include "observability-stack.milliseconds" . | int64 }}
{{- include "observability-stack.reject" (list (or (lt $shortest 1000) (gt $shortest 240000))
  (printf "`scrape.minInterval` is %s, but must be between 1s and 4m." .) "scrape.minInterval" "15s") }}
{{- end }}
{{- range $scrape.podLabels }}
{{- include "observability-stack.reject" (list (has . (list "cluster" "container" "instance" "job" "namespace" "node" "pod" "service"))
  (printf "`scrape.podLabels` has %s, which is a label of the target. Remove it, or copy a label of a different name." .)) }}
{{- end }}
{{- $names := include "observability-stack.jobNames" . | fromJsonArray }}
{{- range $index, $config := $scrape.extraConfigs }}
{{- $name := get $config "job_name" | toString }}
{{- include "observability-stack.reject" (list (has $name $names)
  (printf "`scrape.extraConfigs[%d].job_name` is %q, which another job uses, so Prometheus would not start. Use a different name." $index $name)) }}
{{- $names = append $names $name }}
{{- end }}
{{- end -}}

{{- define "observability-stack.checkStorage" -}}
{{- $server := .Values.server -}}
{{- $size := ternary $server.persistence.persistentVolumeClaim.size $server.persistence.emptyDir.sizeLimit (ne "" (include "observability-stack.prometheusHasClaim" .)) }}
{{- if and (not (include "observability-stack.prometheusIsAgent" .)) (regexMatch "^[0-9]+[KMGTPE]i$" $size) $server.retention.size }}
{{- $bytes := include "observability-stack.bytes" $size | int64 }}
{{- include "observability-stack.reject" (list (ge (include "observability-stack.bytes" $server.retention.size | int64) $bytes)
  (printf "`server.retention.size` (%s) does not fit into the volume (%s), which also holds the write-ahead log." $server.retention.size $size)
  "server.retention.size" (printf "%dMB" (div (mul $bytes 3) 4194304))) }}
{{- end }}
{{- end -}}
