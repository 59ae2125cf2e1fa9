{{/* Checks of workloads; the schema checks each value by itself. */}}

{{/*
A message about a workload if a condition holds: a list of the condition, the place, the problem, and pairs of a path below that
place and its new value, as for fluent-bit-windows.reject.
*/}}
{{- define "fluent-bit-windows.rejectWorkload" -}}
{{- include "fluent-bit-windows.reject" (concat (list (first .) (printf "In %s, %s" (index . 1) (index . 2))) (slice . 3)) }}
{{- end -}}

{{- define "fluent-bit-windows.checkWorkloads" -}}
{{- $seen := list -}}
{{- $builds := list -}}
{{- range .Values.windows.builds }}{{ $builds = append $builds .name }}{{ end -}}
{{- $fullname := include "fluent-bit-windows.fullname" . -}}
{{- range $index, $item := .Values.workloads }}
{{- $where := printf "`workloads[%d]` (%s)" $index .name }}
{{- $workload := mustMergeOverwrite (deepCopy $.Values.workloadDefaults) . }}
{{- include "fluent-bit-windows.reject" (list (has .name $seen)
  (printf "`workloads[%d].name` is %s, which is the name of another workload." $index .name) "workloads" (list (dict "name" (printf "%s-%d" .name $index)))) }}
{{- $name := printf "%s-%s" $fullname .name }}
{{- include "fluent-bit-windows.reject" (list (gt (len $name) 63)
  (printf "`workloads[%d].name` is too long: its objects would be named %s, which has more than 63 characters. Shorten it, or set a shorter `fullnameOverride`." $index $name)
  "fullnameOverride" ($fullname | trunc (sub 62 (len .name) | int) | trimSuffix "-")) }}
{{- $watched := list }}
{{- range append $builds $workload.build }}{{ $watched = append $watched (dict "name" .) }}{{ end }}
{{- include "fluent-bit-windows.reject" (list (and (ne $.Values.mode "hostProcess") (not (has $workload.build $builds)))
  (printf "`workloads[%d].build` is %s, but no agent runs on nodes of this build." $index $workload.build) "windows.builds" $watched) }}
{{- include "fluent-bit-windows.checkWorkload" (dict "where" $where "workload" $workload) }}
{{- include "fluent-bit-windows.checkLogMonitor" (dict "where" $where "workload" $workload) }}
{{- $seen = append $seen .name }}
{{- end }}
{{- end -}}

{{- define "fluent-bit-windows.checkWorkload" -}}
{{- $where := .where -}}
{{- $given := dict "where" (printf "In %s, " .where) "path" "" "values" .workload -}}
{{- if .workload.service.enabled }}{{ include "fluent-bit-windows.checkService" $given }}{{ end }}
{{- include "fluent-bit-windows.checkBudgetLimit" $given }}
{{- with .workload.autoscaling }}
{{- include "fluent-bit-windows.rejectWorkload" (list (and .enabled (gt (int .minReplicas) (int .maxReplicas)))
  $where "`autoscaling.minReplicas` is greater than `maxReplicas`." "autoscaling.minReplicas" (int .maxReplicas)) }}
{{- include "fluent-bit-windows.rejectWorkload" (list (and .enabled (not .cpuPercent) (not .memoryPercent))
  $where "autoscaling is enabled, but has no target." "autoscaling.cpuPercent" 80) }}
{{- end }}
{{- end -}}

{{- define "fluent-bit-windows.checkLogMonitor" -}}
{{- $where := .where -}}
{{- $command := .workload.command -}}
{{- with .workload.logMonitor -}}
{{- $starts := eq .from "entrypoint" -}}
{{- $copied := eq .from "initContainer" -}}
{{- include "fluent-bit-windows.rejectWorkload" (list (and (not $starts) (not $command))
  $where "`command` is empty, but LogMonitor replaces the entry point of the image and needs a program to start. Set the program, or use the entry point if it is LogMonitor."
  "command" (list "C:\\ServiceMonitor.exe" "w3svc") "logMonitor.from" "entrypoint") }}
{{- include "fluent-bit-windows.rejectWorkload" (list (and $starts $command)
  $where "`command` is set, but with `logMonitor.from: entrypoint` the image starts LogMonitor and its program." "command" list) }}
{{- include "fluent-bit-windows.rejectWorkload" (list (and (not $copied) .sources)
  $where "`logMonitor.sources` is set, but LogMonitor reads the configuration in the image." "logMonitor.from" "initContainer") }}
{{- include "fluent-bit-windows.rejectWorkload" (list (and $copied (not .image))
  $where "`logMonitor.image`, from which to copy LogMonitor.exe, is not set."
  "logMonitor.image" (dict "registry" "111122223333.dkr.ecr.us-east-1.amazonaws.com" "repository" "logmonitor" "tag" "2.2.1")) }}
{{- include "fluent-bit-windows.rejectWorkload" (list (and $copied (not .sources))
  $where "`logMonitor.sources` is empty, so LogMonitor would read nothing." "logMonitor.sources" (list (dict "type" "Process"))) }}
{{- if $copied }}{{ include "fluent-bit-windows.checkSources" (dict "where" $where "settings" .) }}{{ end }}
{{- end -}}
{{- end -}}

{{/* Sources that LogMonitor 2.2.1 would silently read differently. */}}
{{- define "fluent-bit-windows.checkSources" -}}
{{- $custom := eq .settings.logFormat "Custom" -}}
{{- $seen := list -}}
{{- range $index, $source := .settings.sources }}
{{- $place := printf "`logMonitor.sources[%d]` of %s" $index $.where }}
{{- $several := dict "EventLog" " with the channels of both" "ETW" " with the providers of both" "Process" "" }}
{{- include "fluent-bit-windows.reject" (list (and (hasKey $several .type) (has .type $seen))
  (printf "%s is a second source of type %s, whose settings would replace those of the first. Write one source%s." $place .type (get $several .type))) }}
{{- include "fluent-bit-windows.rejectWorkload" (list (and $custom (not .customLogFormat))
  $place "`logFormat` is Custom, so without `customLogFormat` every line would be empty."
  "customLogFormat" (printf "%%TimeStamp%% %%Source%% %%%s%%" (ternary "EventData" "Message" (eq .type "ETW")))) }}
{{- include "fluent-bit-windows.rejectWorkload" (list (and (not $custom) .customLogFormat)
  $.where (printf "`logMonitor.sources[%d].customLogFormat` is set, but LogMonitor ignores it with `logFormat: %s`." $index $.settings.logFormat)
  "logMonitor.logFormat" "Custom") }}
{{- include "fluent-bit-windows.rejectWorkload" (list (and .includeSubdirectories (regexMatch "^[A-Za-z]:[/\\\\]*$" .directory))
  $place "LogMonitor cannot read a whole drive." "directory" (printf "%s\\logs" (substr 0 2 (.directory | default "C:")))) }}
{{- $seen = append $seen .type }}
{{- end }}
{{- end -}}
