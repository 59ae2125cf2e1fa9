{{/* The sidecars: which there are, and the container of each. */}}

{{/*
The sidecars as JSON list, one for all files or one for each:
[{"name": "sidecar", "files": [...], "index": 0}].
*/}}
{{- define "log-sidecar.sidecars" -}}
{{- $sidecars := list -}}
{{- if and .Values.app.enabled .Values.sidecar.enabled -}}
{{- if .Values.sidecar.perFile -}}
{{- range $index, $file := .Values.logs.files -}}
{{- $sidecars = append $sidecars (dict "name" (printf "%s-%s" $.Values.sidecar.name $file.name) "files" (list $file) "index" $index) -}}
{{- end -}}
{{- else -}}
{{- $sidecars = list (dict "name" .Values.sidecar.name "files" .Values.logs.files "index" 0) -}}
{{- end -}}
{{- end -}}
{{- $sidecars | toJson -}}
{{- end -}}

{{/*
The path patterns of a file as JSON list: its own and, when rotation renames it, the rotated names, as what was
written just before would be missed otherwise. They come first: files that are found together are read in this
order. A copy (copytruncate) holds lines that were already read.
*/}}
{{- define "log-sidecar.patterns" -}}
{{- $rotated := list -}}
{{- if ne (.rotation | default "rename") "copytruncate" -}}
{{- $rotated = .rotated | default (list (printf "%s-*" .path) (printf "%s.*" .path)) -}}
{{- end -}}
{{- append $rotated .path | uniq | toJson -}}
{{- end -}}

{{/* Seconds that a sidecar reads on; one more when its last record is held back, as more lines could belong to it. */}}
{{- define "log-sidecar.drainSeconds" -}}
{{- $held := 0 -}}
{{- range .sidecar.files -}}{{- if .multiline -}}{{- $held = 1 -}}{{- end -}}{{- end -}}
{{- addf .root.Values.sidecar.drainSeconds $held -}}
{{- end -}}

{{- define "log-sidecar.metricsPort" -}}
{{- add .root.Values.sidecar.fluentBit.metrics.port .sidecar.index -}}
{{- end -}}

{{/* Folder of a sidecar's positions and buffers. */}}
{{- define "log-sidecar.stateDir" -}}
{{- printf "/var/lib/log-sidecar/%s" .name -}}
{{- end -}}

{{/* What both engines' scripts read, as list of environment variables: dict "root" $ "sidecar" <map>. */}}
{{- define "log-sidecar.scriptEnv" -}}
{{- $values := .root.Values -}}
{{- $watch := list -}}
{{- range .sidecar.files -}}
{{- $watch = concat $watch (include "log-sidecar.patterns" . | fromJsonArray) -}}
{{- end -}}
{{- $env := list
  (dict "name" "NATIVE" "value" (toString $values.sidecar.native))
  (dict "name" "DRAIN_SECONDS" "value" (include "log-sidecar.drainSeconds" .))
-}}
{{- if not $values.sidecar.native -}}
{{- /* What is left for waiting when the drain and Fluent Bit's own end still have to fit. */ -}}
{{- $longest := sub $values.terminationGracePeriodSeconds (add (ceil $values.sidecar.drainSeconds) 4) -}}
{{- $env = concat $env (list
  (dict "name" "QUIET_SECONDS" "value" (toString $values.sidecar.quietSeconds))
  (dict "name" "LONGEST_SECONDS" "value" (toString (max 0 $longest)))
  (dict "name" "WATCH" "value" (join " " $watch))
) -}}
{{- end -}}
{{- if eq $values.sidecar.engine "fluent-bit" -}}
{{- $env = concat $env (list
  (dict "name" "AGENT" "value" $values.sidecar.fluentBit.binary)
  (dict "name" "CONFIG" "value" (printf "/etc/log-sidecar/%s.yaml" .sidecar.name))
  (dict "name" "STATE_DIR" "value" (include "log-sidecar.stateDir" .sidecar))
) -}}
{{- else -}}
{{- $env = append $env (dict "name" "MESSAGES" "value" (toString (has $values.sidecar.logLevel (list "info" "debug")))) -}}
{{- end -}}
{{- $env | toYaml -}}
{{- end -}}

{{/*
What the tail engine follows, as shell function: one process for all files, so that no line is written into the
middle of another; with labels one for each, whose lines are then written one by one.
*/}}
{{- define "log-sidecar.tailFollow" -}}
follow() {
{{- if .root.Values.sidecar.fileLabel }}
{{- range .sidecar.files }}
  { stream {{ .path | squote }} | stdbuf -oL sed {{ printf "s/^/%s: /" .name | squote }}; kill "$life"; } &
{{- end }}
{{- else }}
  { stream{{ range .sidecar.files }} {{ .path | squote }}{{ end }}; kill "$life"; } &
{{- end }}
}
{{- end -}}

{{- define "log-sidecar.script" -}}
{{- .root.Files.Get "files/sidecar/quiet.sh" -}}
{{- if eq .root.Values.sidecar.engine "tail" -}}
{{- include "log-sidecar.tailFollow" . }}
{{ end -}}
{{- .root.Files.Get (printf "files/sidecar/%s.sh" .root.Values.sidecar.engine) -}}
{{- end -}}

{{/* The container of a sidecar: dict "root" $ "sidecar" <map>. */}}
{{- define "log-sidecar.sidecarContainer" -}}
{{- $values := .root.Values -}}
{{- $fluentBit := eq $values.sidecar.engine "fluent-bit" -}}
{{- $image := ternary $values.sidecar.fluentBit.image $values.sidecar.tail.image $fluentBit -}}
{{- $handler := dict -}}
{{- if $fluentBit -}}
{{- $handler = dict "httpGet" (dict "path" "/" "port" (include "log-sidecar.metricsPort" . | int)) -}}
{{- end -}}
name: {{ .sidecar.name | quote }}
image: {{ include "log-sidecar.image" (dict "root" .root "image" $image) | quote }}
imagePullPolicy: {{ $image.pullPolicy | quote }}
{{- if $values.sidecar.native }}
restartPolicy: Always
{{- end }}
command:
  - /bin/sh
  - -c
args:
  - |
    {{- include "log-sidecar.script" . | nindent 4 }}
env:
  {{- include "log-sidecar.scriptEnv" . | nindent 2 }}
  {{- with $values.sidecar.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with $values.sidecar.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- if $fluentBit }}
ports:
  - name: {{ ternary (printf "metrics-%d" (int .sidecar.index)) "metrics" $values.sidecar.perFile | quote }}
    containerPort: {{ include "log-sidecar.metricsPort" . }}
{{- end }}
{{- range $kind := list "startupProbe" "livenessProbe" "readinessProbe" }}
{{- $probe := get $values.sidecar $kind }}
{{- if $probe.enabled }}
{{- with include "log-sidecar.probe" (dict "probe" $probe "handler" $handler) | fromYaml }}
{{ $kind }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- end }}
{{- with $values.sidecar.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.sidecar.securityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
volumeMounts:
  - {{ include "log-sidecar.logsMount" .root | nindent 4 | trim }}
    readOnly: true
  {{- if $fluentBit }}
  - name: config
    mountPath: /etc/log-sidecar
    readOnly: true
  {{- if eq $values.logs.volume.type "persistentVolumeClaim" }}
  {{- /* Beside the files that it describes, so that a new pod goes on where the old one ended. */}}
  - name: logs
    mountPath: /var/lib/log-sidecar
    subPath: .log-sidecar
  {{- else }}
  - name: state
    mountPath: /var/lib/log-sidecar
  {{- end }}
  {{- end }}
  {{- with $values.sidecar.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}
