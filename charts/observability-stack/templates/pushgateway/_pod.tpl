{{- define "observability-stack.pushgatewayPod" -}}
{{- $values := .Values.pushgateway -}}
args:
  - --web.listen-address=:{{ $values.service.port | int }}
  - --persistence.file=/data/metrics
ports:
  - {name: http, containerPort: {{ $values.service.port | int }}}
handlers:
  livenessProbe: {httpGet: {path: /-/healthy, port: http}}
  readinessProbe: {httpGet: {path: /-/ready, port: http}}
volumes:
  - name: data
    mounts: [{mountPath: /data}]
    emptyDir: {sizeLimit: {{ $values.persistence.emptyDir.sizeLimit | quote }}}
{{- end -}}
