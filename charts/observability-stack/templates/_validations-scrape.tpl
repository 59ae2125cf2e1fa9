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
