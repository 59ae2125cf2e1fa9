{{/* Settings that LogMonitor 2.2.1 silently ignores. The schema permits common mistakes, so that the message here shows the fix. */}}

{{/* Keys of a source by its type. */}}
{{- define "fluent-bit-windows.sourceKeys" -}}
EventLog: [type, customLogFormat, channels, startAtOldestRecord, eventFormatMultiLine]
File: [type, customLogFormat, directory, filter, includeSubdirectories, waitInSeconds]
ETW: [type, customLogFormat, providers, eventFormatMultiLine]
Process: [type, customLogFormat]
{{- end -}}

{{- define "fluent-bit-windows.checkSources" -}}
{{- $where := .where -}}
{{- $settings := .settings -}}
{{- $keys := include "fluent-bit-windows.sourceKeys" . | fromYaml -}}
{{- $types := dict -}}
{{- range $index, $source := $settings.sources }}
{{- $place := printf "%s: logMonitor.sources[%d]" $where $index }}
{{- $type := get . "type" | default "" }}
{{- $allowed := get $keys $type | default (concat $keys.EventLog $keys.File $keys.ETW) }}
{{- include "fluent-bit-windows.checkKeys" (dict "place" $place "given" . "allowed" $allowed "of" $type) }}
{{- if and $type (ne $type "File") (hasKey $types $type) }}
{{ $place }}: a second source of type {{ $type }}, whose settings would replace those of the first. Write one{{ if eq $type "Process" }}:{{ else }}, with the {{ ternary "channels" "providers" (eq $type "EventLog") }} of both:{{ end }}
        - type: {{ $type }}{{ "\f" }}
{{- end }}
{{- $_ := set $types $type true }}
{{- if and (eq $settings.logFormat "Custom") (not .customLogFormat) }}
{{ $place }}: logFormat is Custom, and without customLogFormat every line is empty. Write:
          customLogFormat: "%TimeStamp% %Source% %{{ ternary "EventData" "Message" (eq $type "ETW") }}%"{{ "\f" }}
{{- end }}
{{- if and (ne $settings.logFormat "Custom") .customLogFormat }}
{{ $place }}: customLogFormat is not read while logFormat is {{ $settings.logFormat }}. Write:
    logMonitor:
      logFormat: Custom{{ "\f" }}
{{- end }}
{{- range $key := list "includeSubdirectories" "startAtOldestRecord" "eventFormatMultiLine" }}
{{- if kindIs "string" (get $source $key) }}{{- if hasKey $source $key }}
{{ $place }}: {{ $key }} is a string, which LogMonitor ignores. Write:
          {{ $key }}: {{ ternary "true" "false" (eq (get $source $key | lower) "true") }}{{ "\f" }}
{{- end }}{{- end }}
{{- end }}
{{- if eq $type "File" }}{{- include "fluent-bit-windows.checkFileSource" (dict "place" $place "source" .) }}{{- end }}
{{- if eq $type "EventLog" }}{{- include "fluent-bit-windows.checkEventLogSource" (dict "place" $place "source" .) }}{{- end }}
{{- if eq $type "ETW" }}{{- include "fluent-bit-windows.checkEtwSource" (dict "place" $place "source" .) }}{{- end }}
{{- end }}
{{- end -}}

{{/* LogMonitor ignores a key in another case: dict "place", "given" <map>, "allowed" <names>, "of" <what they belong to>. */}}
{{- define "fluent-bit-windows.checkKeys" -}}
{{- $all := . -}}
{{- range $key, $value := .given }}
{{- if not (has $key $all.allowed) }}
{{- $right := "" }}
{{- range $all.allowed }}{{ if eq (lower .) (lower $key) }}{{ $right = . }}{{ end }}{{ end }}
{{- if $right }}
{{ $all.place }}: the key {{ $key }} is in the wrong case. Write:
          {{ $right }}: {{ toJson $value }}{{ "\f" }}
{{- else }}
{{ $all.place }}: {{ with $all.of }}{{ . }}{{ else }}it{{ end }} has no key {{ $key }}. Write only: {{ join ", " $all.allowed }}{{ "\f" }}
{{- end }}
{{- end }}
{{- end }}
{{- if and (has "type" .allowed) (not (hasKey .given "type")) (not (hasKey .given "Type")) }}
{{ .place }}: it has no type. Write:
        - type: File{{ "\f" }}
{{- end }}
{{- end -}}

{{- define "fluent-bit-windows.checkFileSource" -}}
{{- $place := .place -}}
{{- with .source }}
{{- $directory := .directory | default "" }}
{{- if not (regexMatch "^[A-Za-z]:([/\\\\]|$)" $directory) }}{{ if not (hasKey . "Directory") }}
{{ $place }}: directory is {{ $directory | quote }}, but must be a path with a drive. Write:
          directory: C:\inetpub\logs{{ "\f" }}
{{- end }}{{ end }}
{{- if and (regexMatch "^[A-Za-z]:[/\\\\]*$" $directory) (eq (toString .includeSubdirectories) "true") }}
{{ $place }}: LogMonitor cannot read a whole drive. Write a directory:
          directory: {{ substr 0 2 $directory }}\logs
          includeSubdirectories: true{{ "\f" }}
{{- end }}
{{- if kindIs "string" .waitInSeconds }}{{ if hasKey . "waitInSeconds" }}
{{ $place }}: waitInSeconds is a string, which LogMonitor ignores. Write:
          waitInSeconds: {{ ternary .waitInSeconds "300" (regexMatch "^[0-9]+$" .waitInSeconds) }}{{ "\f" }}
{{- end }}{{ end }}
{{- end }}
{{- end -}}

{{- define "fluent-bit-windows.checkEventLogSource" -}}
{{- $place := .place -}}
{{- $source := .source -}}
{{- if and (not $source.channels) (not (hasKey $source "Channels")) }}
{{ $place }}: an EventLog source without channels reads nothing. Write:
          channels:
            - name: System
              level: Error{{ "\f" }}
{{- end }}
{{- range $index, $channel := $source.channels }}
{{- $at := printf "%s.channels[%d]" $place $index }}
{{- include "fluent-bit-windows.checkKeys" (dict "place" $at "given" . "allowed" (list "name" "level") "of" "a channel") }}
{{- if and (not .name) (not (hasKey . "Name")) }}
{{ $at }}: it has no name. Write:
            - name: System{{ "\f" }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "fluent-bit-windows.checkEtwSource" -}}
{{- $place := .place -}}
{{- $source := .source -}}
{{- if and (not $source.providers) (not (hasKey $source "Providers")) }}
{{ $place }}: an ETW source without providers reads nothing. Write:
          providers:
            - providerName: "IIS: WWW Server"
              level: Information{{ "\f" }}
{{- end }}
{{- range $index, $provider := $source.providers }}
{{- $at := printf "%s.providers[%d]" $place $index }}
{{- include "fluent-bit-windows.checkKeys" (dict "place" $at "given" . "allowed" (list "providerName" "providerGuid" "level" "keywords") "of" "a provider") }}
{{- if and (not .providerName) (not .providerGuid) (not (hasKey . "ProviderName")) (not (hasKey . "ProviderGuid")) }}
{{ $at }}: it has neither providerName nor providerGuid. Write:
            - providerName: "IIS: WWW Server"{{ "\f" }}
{{- end }}
{{- if and (hasKey . "keywords") (not (kindIs "string" .keywords)) }}
{{ $at }}: keywords is a number, which LogMonitor ignores. Write:
              keywords: {{ .keywords | int64 | toString | quote }}{{ "\f" }}
{{- end }}
{{- end }}
{{- end -}}
