{{/* Windows Deployments whose logs LogMonitor prints to stdout. */}}

{{/*
The workloads, merged with `workloadDefaults`, as a JSON list. Each also has its component, the name of its objects, `lists` and
`serviceLists` for fluent-bit-windows.checkPod and, if the chart writes it, `config`: LogMonitorConfig.json as text.
*/}}
{{- define "fluent-bit-windows.workloads" -}}
{{- $made := list -}}
{{- range $index, $item := .Values.workloads -}}
{{- $workload := mustMergeOverwrite (deepCopy $.Values.workloadDefaults) $item -}}
{{- $_ := set $workload "component" (printf "workload-%s" $item.name) -}}
{{- $_ := set $workload "objectName" (printf "%s-%s" (include "fluent-bit-windows.fullname" $) $item.name) -}}
{{- if eq $workload.logMonitor.from "initContainer" -}}
{{- $settings := pick $workload.logMonitor "logFormat" "sources" -}}
{{- if eq $settings.logFormat "Custom" }}{{ $_ := set $settings "sources" (include "fluent-bit-windows.customSources" $settings.sources | fromJsonArray) }}{{ end -}}
{{- $_ := set $workload "config" (dict "LogConfig" $settings | toPrettyJson) -}}
{{- end -}}
{{- $lists := list -}}
{{- range $field := list "env" "extraVolumeMounts" "extraVolumes" "ports" "topologySpreadConstraints" -}}
{{- $path := ternary (printf "workloads[%d]" $index) "workloadDefaults" (hasKey $item $field) -}}
{{- $block := pick $workload $field -}}
{{- $lists = concat $lists (list (dict "path" $path "block" $block) (dict "path" $path "block" $block "container" $item.name)) -}}
{{- end -}}
{{- $_ := set $workload "lists" $lists -}}
{{- $path := ternary (printf "workloads[%d]" $index) "workloadDefaults" (hasKey ($item.service | default dict) "ports") -}}
{{- $_ := set $workload "serviceLists" (list (dict "path" (printf "%s.service" $path) "block" $workload.service)) -}}
{{- $made = append $made $workload -}}
{{- end -}}
{{- $made | toJson -}}
{{- end -}}

{{/*
Sources with a `customLogFormat` each, as a JSON list. LogMonitor formats the output of the program even without a Process source,
but with an empty format. Argument: the list of the values.
*/}}
{{- define "fluent-bit-windows.customSources" -}}
{{- $formats := dict
  "EventLog" (dict "customLogFormat" "%TimeStamp% %Severity% %EventSource% %EventID% %Message%" "eventFormatMultiLine" false)
  "File" (dict "customLogFormat" "%Message%")
  "ETW" (dict "customLogFormat" "%TimeStamp% %Severity% %ProviderName% %EventId% %EventData%")
  "Process" (dict "customLogFormat" "%Message%")
-}}
{{- $sources := list -}}
{{- $process := dict "type" "Process" -}}
{{- range . -}}
{{- if eq .type "Process" }}{{ $process = dict }}{{ end -}}
{{- $sources = append $sources (merge (deepCopy .) (get $formats .type)) -}}
{{- end -}}
{{- with $process }}{{ $sources = append $sources (merge . $formats.Process) }}{{ end -}}
{{- $sources | toJson -}}
{{- end -}}

{{- define "fluent-bit-windows.logMonitorConfigName" -}}
{{- printf "%s-logmonitor" .objectName -}}
{{- end -}}

{{/* Image of a container of a workload: dict "root" $ "image" <map>. */}}
{{- define "fluent-bit-windows.workloadImage" -}}
{{- $image := mergeOverwrite (dict "registry" "" "tag" "" "digest" "") .image -}}
{{- include "fluent-bit-windows.image" (dict "root" .root "image" $image) -}}
{{- end -}}

{{/*
Words of a command line, as a JSON list: LogMonitor joins its arguments with spaces (Main.cpp of 2.2.1), so words with spaces
or quotes are quoted by the rules of CommandLineToArgvW, unless the user quoted them. Argument: the list.
*/}}
{{- define "fluent-bit-windows.quotedWords" -}}
{{- $words := list -}}
{{- range . -}}
{{- $word := regexReplaceAll "(\\\\*)\"" . "${1}${1}\\\"" -}}
{{- $word = printf "\"%s\"" (regexReplaceAll "(\\\\+)$" $word "${1}${1}") -}}
{{- $plain := and . (not (regexMatch "[ \t\"]" .)) -}}
{{- $words = append $words (ternary . $word (or $plain (regexMatch "^\".*\"$" .))) -}}
{{- end -}}
{{- $words | toJson -}}
{{- end -}}

{{/*
Command of a workload. LogMonitor starts the program that follows, and exits with its exit code. Without /Config it reads
C:\LogMonitor\LogMonitorConfig.json; with it, the file of that name in its own directory (Main.cpp of 2.2.1).
*/}}
{{- define "fluent-bit-windows.workloadCommand" -}}
{{- if ne .logMonitor.from "entrypoint" -}}
{{- $folder := ternary (include "fluent-bit-windows.logMonitorCopy" .) .logMonitor.folder (eq .logMonitor.from "initContainer") -}}
{{- $logMonitor := list (printf "%s\\LogMonitor.exe" $folder) "/Config" "LogMonitorConfig.json" -}}
command:
  {{- include "fluent-bit-windows.quotedWords" .command | fromJsonArray | concat $logMonitor | toYaml | nindent 2 }}
{{- end }}
{{- with include "fluent-bit-windows.quotedWords" .args | fromJsonArray }}
args:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Directory of the copied LogMonitor. ContainerUser can create a directory in the root of a volume, but no file. */}}
{{- define "fluent-bit-windows.logMonitorCopy" -}}
C:\logmonitor-files\LogMonitor
{{- end -}}

{{/*
Init container that copies LogMonitor next to its configuration. A ConfigMap mounted there would hide the program, and Windows
does not support subPath. dict "root" $ "workload" <map>.
*/}}
{{- define "fluent-bit-windows.logMonitorCopier" -}}
{{- $settings := .workload.logMonitor -}}
{{- $copy := include "fluent-bit-windows.logMonitorCopy" . -}}
name: logmonitor
image: {{ include "fluent-bit-windows.workloadImage" (dict "root" .root "image" $settings.image) | quote }}
imagePullPolicy: {{ default "IfNotPresent" $settings.image.pullPolicy | quote }}
command:
  - cmd.exe
  - /S
  - /C
  - {{ printf "(if not exist %[1]s mkdir %[1]s) && copy /Y %[2]s\\LogMonitor.exe %[1]s && copy /Y C:\\logmonitor-config\\LogMonitorConfig.json %[1]s" $copy $settings.folder | quote }}
resources:
  {{- toYaml .workload.resources | nindent 2 }}
volumeMounts:
  - {name: logmonitor, mountPath: 'C:\logmonitor-files'}
  - {name: logmonitor-config, mountPath: 'C:\logmonitor-config', readOnly: true}
{{- end -}}

{{/* The pod of a workload, as JSON: dict "root" $ "workload" <map>. */}}
{{- define "fluent-bit-windows.workloadTemplate" -}}
{{- $root := .root -}}
{{- $workload := .workload -}}
{{- $copied := hasKey $workload "config" -}}
{{- $copy := dict "name" "logmonitor" "mountPath" "C:\\logmonitor-files" "readOnly" true -}}
{{- $volumes := list
  (dict "name" "logmonitor" "emptyDir" (dict "sizeLimit" "64Mi"))
  (dict "name" "logmonitor-config" "configMap" (dict "name" (include "fluent-bit-windows.logMonitorConfigName" $workload)))
-}}
{{- $container := merge (dict
  "image" (include "fluent-bit-windows.workloadImage" (dict "root" $root "image" $workload.image))
  "imagePullPolicy" (default "IfNotPresent" $workload.image.pullPolicy)
  "volumeMounts" (concat (ternary (list $copy) list $copied) $workload.extraVolumeMounts)
) (include "fluent-bit-windows.workloadCommand" $workload | fromYaml) (pick $workload "name" "env" "envFrom" "livenessProbe" "ports" "readinessProbe" "resources" "startupProbe") -}}
{{- $build := include "fluent-bit-windows.nodeSelector" (dict "root" $root "build" $workload.build) | fromYaml -}}
{{- $spec := merge (dict
  "os" (dict "name" "windows")
  "nodeSelector" (mergeOverwrite (dict) $workload.nodeSelector $build)
  "imagePullSecrets" (include "fluent-bit-windows.imagePullSecrets" $root | fromYamlArray)
  "containers" (list (include "fluent-bit-windows.nonEmpty" $container | fromJson))
  "volumes" (concat (ternary $volumes list $copied) $workload.extraVolumes)
) (pick $workload "affinity" "priorityClassName" "serviceAccountName" "terminationGracePeriodSeconds" "tolerations" "topologySpreadConstraints") -}}
{{- $spec = include "fluent-bit-windows.nonEmpty" $spec | fromJson -}}
{{- if $copied }}{{ $_ := set $spec "initContainers" (list (include "fluent-bit-windows.logMonitorCopier" . | fromYaml)) }}{{ end -}}
{{- $windows := dict "runAsUserName" $workload.user "gmsaCredentialSpecName" $workload.gmsaCredentialSpecName -}}
{{- $windows = include "fluent-bit-windows.nonEmpty" $windows | fromJson -}}
{{- $spec = merge $spec (dict
  "automountServiceAccountToken" false
  "enableServiceLinks" false
  "securityContext" (dict "runAsNonRoot" (ne $workload.user "ContainerAdministrator") "windowsOptions" $windows)
) -}}
{{- $annotations := mergeOverwrite (dict) $root.Values.commonAnnotations $workload.podAnnotations -}}
{{- with $workload.config }}{{ $_ := set $annotations "checksum/config" (sha256sum .) }}{{ end -}}
{{- $metadata := dict "labels" (include "fluent-bit-windows.labels" (dict "root" $root "component" $workload.component "extra" $workload.podLabels) | fromYaml) -}}
{{- with $annotations }}{{ $_ := set $metadata "annotations" . }}{{ end -}}
{{- dict "metadata" $metadata "spec" $spec | toJson -}}
{{- end -}}
