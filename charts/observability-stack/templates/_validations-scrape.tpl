{{/* Scrapes and storage that Prometheus would refuse, or that fill a disk. */}}

{{/* A duration of Prometheus in milliseconds. Argument: the text. */}}
{{- define "observability-stack.milliseconds" -}}
{{- $units := dict "ms" 1 "s" 1000 "m" 60000 "h" 3600000 "d" 86400000 "w" 604800000 "y" 31536000000 -}}
{{- $sum := 0 -}}
{{- range regexFindAll "[0-9]+[a-z]+" . -1 -}}
{{- $sum = add $sum (mul (regexFind "^[0-9]+" . | int64) (get $units (regexFind "[a-z]+$" .))) -}}
{{- end -}}
{{- $sum -}}
{{- end -}}

{{/* A size of Prometheus (6GB) or of Kubernetes (8Gi) in bytes; Prometheus counts in powers of 1024 too. */}}
{{- define "observability-stack.bytes" -}}
{{- $powers := dict "" 0 "B" 0 "K" 1 "M" 2 "G" 3 "T" 4 "P" 5 "E" 6 -}}
{{- $sum := regexFind "^[0-9]+" . | int64 -}}
{{- range until (get $powers (regexFind "[BKMGTPEk]" . | upper) | int) }}{{ $sum = mul $sum 1024 }}{{ end -}}
{{- $sum -}}
{{- end -}}

{{- define "observability-stack.checkScrape" -}}
{{- $scrape := .Values.scrape -}}
{{- $interval := include "observability-stack.milliseconds" $scrape.interval | int64 }}
{{- if lt $interval 1000 }}
scrape.interval is {{ $scrape.interval }}: that is no pace for a cluster. Write for example:
scrape:
  interval: 60s{{ "\f" }}
{{- else if gt (include "observability-stack.milliseconds" $scrape.timeout | int64) $interval }}
scrape.timeout ({{ $scrape.timeout }}) is longer than scrape.interval ({{ $scrape.interval }}): Prometheus would not start. Write:
scrape:
  timeout: {{ $scrape.interval }}{{ "\f" }}
{{- end }}
{{- if eq 0 (include "observability-stack.milliseconds" $scrape.timeout | int) }}
scrape.timeout is {{ $scrape.timeout }}: no scrape could end in that time. Write for example:
scrape:
  timeout: 15s{{ "\f" }}
{{- end }}
{{- $names := include "observability-stack.jobNames" . | fromJsonArray }}
{{- range $index, $config := $scrape.extraConfigs }}
{{- $name := get $config "job_name" | toString }}
{{- if not $name }}
scrape.extraConfigs[{{ $index }}] has no job_name. Write:
scrape:
  extraConfigs:
    - job_name: ...{{ "\f" }}
{{- else if has $name $names }}
scrape.extraConfigs[{{ $index }}] is called {{ $name | quote }}, as another job is: Prometheus would not start. Give it a name of its own.{{ "\f" }}
{{- end }}
{{- $names = append $names $name }}
{{- end }}
{{- end -}}

{{- define "observability-stack.checkStorage" -}}
{{- $server := .Values.server -}}
{{- $size := ternary $server.persistence.persistentVolumeClaim.size $server.persistence.emptyDir.sizeLimit (ne "" (include "observability-stack.prometheusHasClaim" .)) }}
{{- if and (not (include "observability-stack.prometheusIsAgent" .)) (regexMatch "^[0-9]+[KMGTPE]i$" $size) $server.retention.size }}
{{- if ge (include "observability-stack.bytes" $server.retention.size | int64) (include "observability-stack.bytes" $size | int64) }}
server.retention.size ({{ $server.retention.size }}) does not fit into the volume ({{ $size }}), where the write-ahead log comes on top. Write:
server:
  retention:
    size: {{ div (mul (include "observability-stack.bytes" $size | int64) 3) 4194304 }}MB{{ "\f" }}
{{- end }}
{{- end }}
{{- end -}}
