{{/* Probes. */}}

{{/* A probe without its `enabled`; dict "probe" <map> "handler" <map>, used when the probe has no handler. */}}
{{- define "shared.probe" -}}
{{- $probe := omit .probe "enabled" -}}
{{- if not (or $probe.httpGet $probe.exec $probe.tcpSocket $probe.grpc) -}}
{{- $probe = ternary (merge (dict) $probe .handler) (dict) (gt (len .handler) 0) -}}
{{- end -}}
{{- $probe | toJson -}}
{{- end -}}

{{/*
The probes of a container, as a JSON map: dict "values" <block with startupProbe, livenessProbe, readinessProbe> "handlers"
<handlers by the probe's name, for probes without one>.
*/}}
{{- define "shared.probes" -}}
{{- $probes := dict -}}
{{- range $name := list "startupProbe" "livenessProbe" "readinessProbe" -}}
{{- $probe := get $.values $name | default dict -}}
{{- if dig "enabled" true $probe -}}
{{- with include "shared.probe" (dict "probe" $probe "handler" (get $.handlers $name | default dict)) | fromJson -}}
{{- $_ := set $probes $name . -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $probes | toJson -}}
{{- end -}}
