{{/* Refusals about log groups and outputs. */}}

{{/* Names as CloudWatch takes them; a variable of Fluent Bit ends at a point, comma, blank or quote only. */}}
{{- define "fluent-bit-windows.checkGroups" -}}
{{- $routing := .Values.routing -}}
{{- $names := dict "routing.prefix" $routing.prefix "routing.fallbackGroup" $routing.fallbackGroup "routing.staticGroup" $routing.staticGroup "routing.eventLogGroup" $routing.eventLogGroup "routing.servicesGroup" $routing.servicesGroup -}}
{{- range $index, $item := $routing.list }}{{ $_ := set $names (printf "routing.list[%d].group" $index) ($item.group | default "") }}{{ end -}}
{{- range $name, $group := $names }}
{{- if not (regexMatch "^[A-Za-z0-9._/#-]*$" $group) }}
{{ $name }} is {{ $group | quote }}: the name of a log group has letters, digits and . - _ / # only. Write for example {{ regexReplaceAll "[^A-Za-z0-9._/#-]+" $group "-" | trunc 120 | quote }}.{{ "\f" }}
{{- end }}
{{- end }}
{{- range $name, $template := dict "routing.groupTemplate" $routing.groupTemplate "output.cloudwatch.streamTemplate" .Values.output.cloudwatch.streamTemplate }}
{{- $variable := "\\$[A-Za-z_][A-Za-z0-9_]*(\\['[A-Za-z0-9_./-]+'\\])*" }}
{{- $rest := regexReplaceAll $variable $template "" }}
{{- if not (regexMatch "^[A-Za-z0-9._/#,-]*$" $rest) }}
{{ $name }} is {{ $template | quote }}: besides variables such as $kubernetes['namespace_name'] it may have letters, digits and . - _ / # only.{{ "\f" }}
{{- else if regexMatch (printf "%s[^A-Za-z0-9_.,\\[]" $variable) $template }}
{{ $name }} is {{ $template | quote }}: a variable ends at a point or at the end of the text only, so that this would be looked up as one name. Write for example {{ regexReplaceAll (printf "(%s)[/#-]+" $variable) $template "${1}." | quote }}.{{ "\f" }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "fluent-bit-windows.checkRetention" -}}
{{- $allowed := list 0 1 3 5 7 14 30 60 90 120 150 180 365 400 545 731 1096 1827 2192 2557 2922 3288 3653 -}}
{{- $days := int .Values.output.cloudwatch.retentionDays -}}
{{- if not (has $days $allowed) }}
{{- $next := 0 }}
{{- range reverse $allowed }}{{ if gt . $days }}{{ $next = . }}{{ end }}{{ end }}
output.cloudwatch.retentionDays is {{ $days }}, and CloudWatch knows {{ join ", " (rest $allowed) }} only (0: never expire). Write for example:
output:
  cloudwatch:
    retentionDays: {{ $next }}{{ "\f" }}
{{- end }}
{{- end -}}

{{- define "fluent-bit-windows.checkList" -}}
{{- $routing := .Values.routing -}}
{{- $namespaces := .Values.inputs.containerLogs.namespaces -}}
{{- if and (eq $routing.mode "list") (not $routing.list) }}
routing.mode is list, and routing.list is empty. Write one of:
routing:
  mode: list
  list:
    - namespace: default
routing:
  mode: namespace{{ "\f" }}
{{- end }}
{{- $seen := list }}
{{- range $index, $item := $routing.list }}
{{- if has $item.namespace $seen }}
routing.list[{{ $index }}] has the namespace {{ $item.namespace }} again: its records would be sent, and billed, twice. Write it once.{{ "\f" }}
{{- end }}
{{- if or (has $item.namespace $namespaces.exclude) (and $namespaces.include (not (has $item.namespace $namespaces.include))) }}
routing.list[{{ $index }}] is the namespace {{ $item.namespace }}, which inputs.containerLogs.namespaces leaves out. Write:
inputs:
  containerLogs:
    namespaces:
{{- if has $item.namespace $namespaces.exclude }}
      exclude: {{ without $namespaces.exclude $item.namespace | toJson }}
{{- else }}
      include: {{ append $namespaces.include $item.namespace | toJson }}
{{- end }}{{ "\f" }}
{{- end }}
{{- $seen = append $seen $item.namespace }}
{{- end }}
{{- end -}}

{{- define "fluent-bit-windows.checkOutput" -}}
{{- include "fluent-bit-windows.fluentBitCommon.checkOutput" (dict "path" "output" "output" .Values.output "example" "my-windows-logs") -}}
{{- end -}}
