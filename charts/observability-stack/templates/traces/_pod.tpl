{{- define "observability-stack.tracesPod" -}}
{{- $traces := include "observability-stack.tracesValues" . | fromJson -}}
{{- $daemon := eq $traces.engine "xray-daemon" -}}
annotations:
  checksum/config: {{ include "observability-stack.tracesConfig" . | sha256sum }}
args:
  - --config=/etc/traces/config.yaml
  {{- if $daemon }}
  # The arguments of the image bind IPv4 addresses only and take precedence over the configuration file.
  - --bind=:2000
  - --bind-tcp=:2000
  {{- end }}
env:
  {{- include "observability-stack.awsEnv" . | nindent 2 }}
  {{- if not $daemon }}
  # Collect garbage before the memory limiter refuses spans.
  - {name: GOMEMLIMIT, value: {{ div (mul 4 (int $traces.limitMib)) 5 }}MiB}
  {{- end }}
ports:
  {{- range include "observability-stack.tracesPorts" . | fromJsonArray }}
  - {name: {{ .name }}, containerPort: {{ .port }}, protocol: {{ .protocol }}{{ if $traces.hostPort }}, hostPort: {{ .port }}{{ end }}}
  {{- end }}
  {{- if not $daemon }}
  - {name: health, containerPort: 13133}
  {{- end }}
{{- if semverCompare ">=1.30.0-0" .Capabilities.KubeVersion.Version }}
# The node's rules route traffic here for a moment after the replacement is ready.
lifecycle: {preStop: {sleep: {seconds: 5}}}
{{- end }}
handlers:
  {{- /* The daemon has no health endpoint: it forwards every HTTP request to X-Ray. */}}
  {{- range list "livenessProbe" "readinessProbe" }}
  {{ . }}: {{ ternary "{tcpSocket: {port: xray-tcp}}" "{httpGet: {path: /, port: health}}" $daemon }}
  {{- end }}
volumes:
  - name: config
    mounts: [{mountPath: /etc/traces, readOnly: true}]
    configMap: {name: {{ include "observability-stack.tracesName" . | quote }}}
{{- end -}}
