{{- define "observability-stack.tracesContainer" -}}
{{- $traces := include "observability-stack.tracesValues" . | fromJson -}}
{{- $daemon := eq $traces.engine "xray-daemon" -}}
args:
  {{- if $daemon }}
  - --config=/etc/traces/config.yaml
  # The image's own arguments bind IPv4 addresses only, and what stands in the file does not replace them.
  - --bind=:2000
  - --bind-tcp=:2000
  {{- else }}
  - --config=/etc/traces/config.yaml
  {{- end }}
  {{- with $traces.extraArgs }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- $env := $traces.extraEnv }}
{{- if not $daemon }}
{{- /* The collector gives memory back before it has to refuse spans. */}}
{{- $env = prepend $env (dict "name" "GOMEMLIMIT" "value" (printf "%dMiB" (div (mul 4 (int $traces.memoryLimitMegabytes)) 5))) }}
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
{{- /* The node's rules still lead here for a moment after a new pod has taken over. */}}
lifecycle:
  preStop:
    sleep:
      seconds: 5
{{- end }}
{{- /* The daemon has no page of its own: what is asked at its TCP port, it asks X-Ray. */}}
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
