{{/*
Namespaces that choose an output: `tenants` of the values. Fluent Bit routes by tag, and a tag contains the namespace, but no
annotation of it, so the choices are values. A choice that `tenants.outputs` does not permit counts as none.
*/}}

{{/* The namespaces that chose each output of `tenants.outputs` and may, as a JSON map of lists. Argument: the root. */}}
{{- define "shared.tenants" -}}
{{- $tenants := dict -}}
{{- range $output, $globs := .Values.tenants.outputs -}}
{{- $chosen := list -}}
{{- range $namespace, $choice := $.Values.tenants.namespaces -}}
{{- if and (eq $choice $output) (include "shared.matchesGlob" (dict "name" $namespace "globs" $globs)) }}{{ $chosen = append $chosen $namespace }}{{ end -}}
{{- end -}}
{{- $_ := set $tenants $output $chosen -}}
{{- end -}}
{{- $tenants | toJson -}}
{{- end -}}

{{/* The outputs, with the namespaces that chose them, or "-", which is no name of one: dict "root" $ "outputs" <list>; a JSON list. */}}
{{- define "shared.tenantOutputs" -}}
{{- $tenants := include "shared.tenants" .root | fromJson -}}
{{- $chosen := list -}}
{{- range $tenants }}{{ $chosen = concat $chosen . }}{{ end -}}
{{- $outputs := list -}}
{{- range $output := .outputs -}}
{{- $match := dict -}}
{{- if hasKey $tenants .name }}{{ $match = dict "pipelines" (list "application") "namespaces" (dict "include" (get $tenants .name | default (list "-"))) }}{{ end -}}
{{- if and $chosen (eq .name $.root.Values.tenants.default) }}{{ $match = dict "namespaces" (dict "exclude" (concat (dig "match" "namespaces" "exclude" list .) $chosen)) }}{{ end -}}
{{- $outputs = append $outputs (mergeOverwrite $output (dict "match" $match)) -}}
{{- end -}}
{{- $outputs | toJson -}}
{{- end -}}

{{/* Messages about `tenants`: the root. */}}
{{- define "shared.checkTenants" -}}
{{- $tenants := .Values.tenants -}}
{{- $enabled := list -}}
{{- range $name, $output := .Values.outputs }}{{ if and $output (dig "enabled" true $output) }}{{ $enabled = append $enabled $name }}{{ end }}{{ end -}}
{{- $own := keys $tenants.outputs | sortAlpha -}}
{{- range $name := $own }}
{{- include "shared.reject" (list (not (has $name $enabled)) (printf "`tenants.outputs.%s` permits an output that `outputs` does not have, or disables. Write for example:" $name)
  (printf "outputs.%s" $name) (dict "type" "cloudwatch" "logGroupName" (printf "/tenants/%s" $name))) }}
{{- include "shared.reject" (list (hasKey (get $.Values.outputs $name | default dict) "match") (printf "`outputs.%s.match` and `tenants.outputs.%s` both select records. Remove one of them." $name $name)
  (printf "outputs.%s.match" $name) nil) }}
{{- end }}
{{- $rest := $enabled }}
{{- range $own }}{{ $rest = without $rest . }}{{ end }}
{{- include "shared.reject" (list (and $own (not (has $tenants.default $rest)))
  (printf "`tenants.default` is %s, which is no enabled output, or one of `tenants.outputs`. It receives the records of all other namespaces. Write for example:" $tenants.default)
  "tenants.default" (first (append $rest "cloudwatch"))) }}
{{- end -}}

{{/* A note about choices that have no effect: the root. */}}
{{- define "shared.tenantsNote" -}}
{{- $tenants := include "shared.tenants" . | fromJson -}}
{{- $void := list -}}
{{- range $namespace, $choice := .Values.tenants.namespaces -}}
{{- if not (has $namespace (get $tenants $choice | default list)) }}{{ $void = append $void (printf "%s (%s)" $namespace $choice) }}{{ end -}}
{{- end -}}
{{- if $void -}}
{{ len $void }} {{ eq (len $void) 1 | ternary "namespace chooses an output that does not exist or that it" "namespaces choose outputs that do not exist or that they" }} may not choose: {{ join ", " $void }}. The output {{ .Values.tenants.default }} receives {{ eq (len $void) 1 | ternary "its" "their" }} records.
{{- end -}}
{{- end -}}
