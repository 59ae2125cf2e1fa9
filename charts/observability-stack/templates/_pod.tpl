{{/* Parts of pods that all components share. */}}

{{/* Where pods run and where their images are from: dict "root" $ "values" <block of the component>. */}}
{{- define "observability-stack.placement" -}}
nodeSelector:
  {{- mergeOverwrite (dict) .values.nodeSelector (dict "kubernetes.io/os" "linux") | toYaml | nindent 2 }}
{{- with .values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- with include "eks-common.imagePullSecrets" .root }}
imagePullSecrets:
  {{- . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Probes by HTTP: dict "values" <block of the component> "paths" <name of a probe: path> and, if not `http`, "ports". */}}
{{- define "observability-stack.probes" -}}
{{- range $name, $path := .paths }}
{{- $probe := get $.values $name }}
{{- $port := get ($.ports | default dict) $name | default "http" }}
{{- if $probe.enabled }}
{{ $name }}:
  {{- include "eks-common.probe" (dict "probe" $probe "handler" (dict "httpGet" (dict "path" $path "port" $port))) | nindent 2 }}
{{- end }}
{{- end }}
{{- end -}}
