{{- define "observability-stack.tracesContainer" -}}
{{- $traces := include "observability-stack.tracesValues" . | fromJson -}}
{{- $daemon := eq $traces.engine "xray-daemon" -}}
args:
  {{- if $daemon }}
  - --config=/etc/traces/config.yaml
  # The arguments of the image bind IPv4 addresses only and take precedence over the configuration file.
  - --bind=:2000
  - --bind-tcp=:2000
  {{- else }}
  - --config=/etc/traces/config.yaml
  {{- end }}
  {{- with $traces.extraArgs }}{{ toYaml . | nindent 2 }}{{ end }}
{{- $env := $traces.extraEnv }}
{{- if not $daemon }}
{{- /* Collect garbage before the memory limiter refuses spans. */}}
{{- $env = prepend $env (dict "name" "GOMEMLIMIT" "value" (printf "%dMiB" (div (mul 4 (int $traces.limitMib)) 5))) }}
{{- end }}
{{- with $env }}
env:
  {{- toYaml . | nindent 2 }}
{{- end }}
ports:
  {{- range include "observability-stack.tracesPorts" . | fromJsonArray }}
  - name: {{ .name }}
    containerPort: {{ .port | int }}
    {{- if $traces.hostPort }}
    hostPort: {{ .port | int }}
    {{- end }}
    protocol: {{ .protocol }}
  {{- end }}
  {{- if not $daemon }}
  - name: health
    containerPort: 13133
  {{- end }}
{{- if semverCompare ">=1.30.0-0" .Capabilities.KubeVersion.Version }}
{{- /* The node's rules route traffic here for a moment after the replacement is ready. */}}
lifecycle:
  preStop:
    sleep:
      seconds: 5
{{- end }}
{{- /* The daemon has no health endpoint: it forwards every HTTP request to X-Ray. */}}
{{- $handler := ternary (dict "tcpSocket" (dict "port" "xray-tcp")) (dict "httpGet" (dict "path" "/" "port" "health")) $daemon }}
{{ include "observability-stack.probes" (dict "values" $traces "handlers" (dict "livenessProbe" $handler "readinessProbe" $handler)) }}
volumeMounts:
  - name: config
    mountPath: /etc/traces
    readOnly: true
{{- end -}}

{{- define "observability-stack.tracesVolumes" -}}
- name: config
  configMap:
    name: {{ include "observability-stack.tracesName" . | quote }}
{{- end -}}
