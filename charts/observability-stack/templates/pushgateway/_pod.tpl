{{- define "observability-stack.pushgatewayPod" -}}
{{- $values := .Values.pushgateway -}}
{{- $web := dict "root" . "component" "pushgateway" -}}
args:
  - --web.listen-address=:{{ $values.service.port | int }}
  {{- include "observability-stack.webArgs" $web | nindent 2 }}
  - --persistence.file=/data/metrics
ports:
  - {name: http, containerPort: {{ $values.service.port | int }}}
handlers:
  livenessProbe: {{ include "observability-stack.webHandler" (merge (dict "path" "/-/healthy") $web) }}
  readinessProbe: {{ include "observability-stack.webHandler" (merge (dict "path" "/-/ready") $web) }}
volumes:
  {{- include "observability-stack.webVolume" $web | nindent 2 }}
  - name: data
    mounts: [{mountPath: /data}]
    emptyDir: {sizeLimit: {{ $values.persistence.emptyDir.sizeLimit | quote }}}
{{- end -}}
