{{- define "observability-stack.pushgatewayContainer" -}}
{{- $values := .Values.pushgateway -}}
args:
  - --web.listen-address=:{{ $values.service.port | int }}
  - --persistence.file=/data/metrics
  {{- with $values.extraArgs }}{{ toYaml . | nindent 2 }}{{ end }}
ports:
  - name: http
    containerPort: {{ $values.service.port | int }}
{{ include "observability-stack.httpProbes" (dict "values" $values "paths" (dict "livenessProbe" "/-/healthy" "readinessProbe" "/-/ready")) | trim }}
volumeMounts:
  - name: data
    mountPath: /data
{{- end -}}

{{- define "observability-stack.pushgatewayVolumes" -}}
- name: data
  emptyDir:
    sizeLimit: {{ .Values.pushgateway.persistence.emptyDir.sizeLimit | quote }}
{{- end -}}
