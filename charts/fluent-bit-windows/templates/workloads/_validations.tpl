{{/* Checks of workloads; the schema checks each value by itself. */}}

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
{{- $given := dict "where" (printf "In %s, " $where) "path" "" "values" $workload }}
{{- if $workload.service.enabled }}{{ include "fluent-bit-windows.checkService" $given }}{{ end }}
{{- include "fluent-bit-windows.checkBudgetLimit" $given }}
{{- with $workload.autoscaling }}
{{- include "fluent-bit-windows.reject" (list (and .enabled (gt (int .minReplicas) (int .maxReplicas)))
  (print $given.where "`autoscaling.minReplicas` is greater than `maxReplicas`.") "autoscaling.minReplicas" (int .maxReplicas)) }}
{{- include "fluent-bit-windows.reject" (list (and .enabled (not .cpuPercent) (not .memoryPercent))
  (print $given.where "autoscaling is enabled, but has no target.") "autoscaling.cpuPercent" 80) }}
{{- end }}
{{- include "fluent-bit-windows.checkLogMonitor" (dict "place" $where "workload" $workload) }}
{{- $seen = append $seen .name }}
{{- end }}
{{- end -}}

{{- define "fluent-bit-windows.checkLogMonitor" -}}
{{- $in := printf "In %s, " .place -}}
{{- $command := .workload.command -}}
{{- with .workload.logMonitor -}}
{{- $starts := eq .from "entrypoint" -}}
{{- $copied := eq .from "initContainer" -}}
{{- include "fluent-bit-windows.reject" (list (and (not $starts) (not $command))
  (print $in "`command` is empty, but LogMonitor replaces the entry point of the image and needs a program to start. Set the program, or use the entry point if it is LogMonitor.")
  "command" (list "C:\\ServiceMonitor.exe" "w3svc") "logMonitor.from" "entrypoint") }}
{{- include "fluent-bit-windows.reject" (list (and $starts $command)
  (print $in "`command` is set, but with `logMonitor.from: entrypoint` the image starts LogMonitor and its program.") "command" list) }}
{{- include "fluent-bit-windows.reject" (list (and (not $copied) .sources)
  (print $in "`logMonitor.sources` is set, but LogMonitor reads the configuration in the image.") "logMonitor.from" "initContainer") }}
{{- include "fluent-bit-windows.reject" (list (and $copied (not .image))
  (print $in "`logMonitor.image`, from which to copy LogMonitor.exe, is not set.")
  "logMonitor.image" (dict "registry" "111122223333.dkr.ecr.us-east-1.amazonaws.com" "repository" "logmonitor" "tag" "2.2.1")) }}
{{- include "fluent-bit-windows.reject" (list (and $copied (not .sources))
  (print $in "`logMonitor.sources` is empty, so LogMonitor would read nothing.") "logMonitor.sources" (list (dict "type" "Process"))) }}
{{- $traces := false }}
{{- range .sources }}{{ if eq .type "ETW" }}{{ $traces = true }}{{ end }}{{ end }}
{{- include "fluent-bit-windows.reject" (list (and $copied $traces (ne $.workload.user "ContainerAdministrator"))
  (printf "%s`logMonitor.sources` has a source of type ETW, but only administrators can start a trace, and `user` is %s." $in $.workload.user)
  "user" "ContainerAdministrator") }}
{{- if $copied }}{{ include "fluent-bit-windows.checkSources" (dict "place" $.place "settings" .) }}{{ end }}
{{- end -}}
{{- end -}}

{{/* Sources that LogMonitor 2.2.1 would silently read differently. */}}
{{- define "fluent-bit-windows.checkSources" -}}
{{- $custom := eq .settings.logFormat "Custom" -}}
{{- $fields := dict
  "EventLog" (list "TimeStamp" "Severity" "Source" "EventSource" "EventID" "Message")
  "File" (list "TimeStamp" "Source" "FileName" "Message")
  "ETW" (list "TimeStamp" "Severity" "Source" "ProviderId" "ProviderName" "DecodingSource" "ExecutionProcessId" "ExecutionThreadId" "Keyword" "EventId" "EventData")
  "Process" (list "TimeStamp" "Source" "Message")
-}}
{{- $seen := list -}}
{{- range $index, $source := .settings.sources }}
{{- $place := printf "`logMonitor.sources[%d]` of %s" $index $.place }}
{{- $in := printf "In %s, " $place }}
{{- $several := dict "EventLog" " with the channels of both" "ETW" " with the providers of both" "Process" "" }}
{{- include "fluent-bit-windows.reject" (list (and (hasKey $several .type) (has .type $seen))
  (printf "%s is a second source of type %s, whose settings would replace those of the first. Write one source%s." $place .type (get $several .type))) }}
{{- include "fluent-bit-windows.reject" (list (and (not $custom) .customLogFormat)
  (printf "In %s, `logMonitor.sources[%d].customLogFormat` is set, but LogMonitor ignores it with `logFormat: %s`." $.place $index $.settings.logFormat)
  "logMonitor.logFormat" "Custom") }}
{{- range regexFindAll "%\\w+%" (default "" .customLogFormat) -1 }}
{{- include "fluent-bit-windows.reject" (list (not (has (trimAll "%" .) (get $fields $source.type)))
  (printf "%s`customLogFormat` has the field %s, which sources of type %s do not have." $in . $source.type)
  "customLogFormat" (printf "%%%s%%" (get $fields $source.type | join "% %"))) }}
{{- end }}
{{- include "fluent-bit-windows.reject" (list (and .includeSubdirectories (regexMatch "^[A-Za-z]:[/\\\\]*$" .directory))
  (print $in "LogMonitor cannot read a whole drive.") "directory" (printf "%s\\logs" (substr 0 2 (.directory | default "C:")))) }}
{{- include "fluent-bit-windows.reject" (list (and .includeSubdirectories .filter (not (hasPrefix "*" (default "" .filter))))
  (printf "%s`filter` is `%s`, but LogMonitor reads new files in subdirectories only if it begins with an asterisk." $in .filter)
  "filter" (printf "*%s" .filter)) }}
{{- $seen = append $seen .type }}
{{- end }}
{{- end -}}
