{{/* The sidecars and their containers. */}}

{{/*
The sidecars as JSON list, one for all files or one for each:
[{"name": "sidecar", "files": [...], "index": 0}]. A caller of the templates below may write such a map itself, and
add "inline" true: the configuration then comes in the environment instead of a ConfigMap; and "volumes", the names
of the pod's volumes, {"logs": ..., "config": ..., "state": ...}, where these are not the chart's own.
*/}}
{{- define "log-sidecar.sidecars" -}}
{{- if .Values.app.enabled -}}
{{- include "log-sidecar.listSidecars" (dict "root" .) -}}
{{- else -}}
[]
{{- end -}}
{{- end -}}

{{/* The sidecars of any pod: dict "root" $ and, if it is not the chart's, "inline" and "volumes" as above. */}}
{{- define "log-sidecar.listSidecars" -}}
{{- $values := .root.Values -}}
{{- $sidecars := list -}}
{{- if and $values.sidecar.enabled $values.sidecar.perFile -}}
{{- range $index, $file := $values.logs.files -}}
{{- $name := printf "%s-%s" $values.sidecar.name $file.name -}}
{{- $sidecars = append $sidecars (merge (dict "name" $name "files" (list $file) "index" $index) (omit $ "root")) -}}
{{- end -}}
{{- else if $values.sidecar.enabled -}}
{{- $sidecars = list (merge (dict "name" $values.sidecar.name "files" $values.logs.files "index" 0) (omit . "root")) -}}
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

{{/* How long a sidecar keeps reading, in seconds; one more where the last record is held back, as more lines could belong to it. */}}
{{- define "log-sidecar.drainSeconds" -}}
{{- $held := 0 -}}
{{- range .sidecar.files -}}{{- if .multiline -}}{{- $held = 1 -}}{{- end -}}{{- end -}}
{{- $settings := get .root.Values.sidecar (include "log-sidecar.engineKey" .root) -}}
{{- addf ($settings.drainSeconds | default .root.Values.sidecar.drainSeconds) $held -}}
{{- end -}}

{{/* The key of the engine's own values: `fluentBit` for `fluent-bit`. */}}
{{- define "log-sidecar.engineKey" -}}
{{- .Values.sidecar.engine | replace "-" " " | title | nospace | untitle -}}
{{- end -}}

{{/* Port of a sidecar's HTTP server, or nothing for an engine without one: dict "root" $ "sidecar" <map>. */}}
{{- define "log-sidecar.httpPort" -}}
{{- $settings := get .root.Values.sidecar (include "log-sidecar.engineKey" .root) -}}
{{- with $settings.httpServer -}}
{{- add .port $.sidecar.index -}}
{{- end -}}
{{- end -}}

{{/* Name of one of the pod's volumes: dict "root" $ "volume" "logs" and, if it is another's pod, "volumes" as above. */}}
{{- define "log-sidecar.volumeName" -}}
{{- if and (eq .volume "logs") (eq .root.Values.logs.volume.type "existing") -}}
{{- .root.Values.logs.volume.existing.name -}}
{{- else -}}
{{- /* `logs-data` and `config-data` are the names in Sumo Logic's examples. */ -}}
{{- $suffix := ternary "-data" "" (eq .root.Values.sidecar.engine "sumologic-collector") -}}
{{- get (.volumes | default dict) .volume | default (printf "%s%s" .volume $suffix) -}}
{{- end -}}
{{- end -}}

{{/* The mount of the log files, without `readOnly`; arguments as above. */}}
{{- define "log-sidecar.logsMount" -}}
{{- $volume := .root.Values.logs.volume -}}
name: {{ include "log-sidecar.volumeName" (dict "root" .root "volume" "logs" "volumes" .volumes) | quote }}
mountPath: {{ .root.Values.logs.directory | quote }}
{{- if and (eq $volume.type "existing") $volume.existing.subPath }}
subPath: {{ $volume.existing.subPath | quote }}
{{- end }}
{{- end -}}

{{/* Directory of a sidecar's positions and buffers. */}}
{{- define "log-sidecar.stateDir" -}}
{{- printf "/var/lib/log-sidecar/%s" .name -}}
{{- end -}}

{{/* The environment variables that every script reads, as a YAML list: dict "root" $ "sidecar" <map>. */}}
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
{{- /* The time left for waiting, after the drain and the shutdown of the agent. */ -}}
{{- $end := add (include "log-sidecar.drainSeconds" . | float64 | ceil) (include "log-sidecar.grace" .root | int) 1 -}}
{{- $longest := sub $values.terminationGracePeriodSeconds $end -}}
{{- $env = concat $env (list
  (dict "name" "QUIET_SECONDS" "value" (toString $values.sidecar.quietSeconds))
  (dict "name" "LONGEST_SECONDS" "value" (toString (max 0 $longest)))
  (dict "name" "WATCH" "value" (join " " $watch))
) -}}
{{- end -}}
{{- $env | toYaml -}}
{{- end -}}

{{/* The paths of an agent's binary, configuration and state, as environment variables; arguments as above. */}}
{{- define "log-sidecar.agentEnv" -}}
{{- $settings := get .root.Values.sidecar (include "log-sidecar.engineKey" .root) -}}
{{- $config := dict "name" "CONFIG" "value" (printf "/etc/log-sidecar/%s" (include "log-sidecar.configFile" .)) -}}
{{- if .sidecar.inline -}}
{{- /* The kubelet expands "$(NAME)", and writes "$" for "$$". */ -}}
{{- $text := include (printf "log-sidecar.config.%s" .root.Values.sidecar.engine) . -}}
{{- $config = dict "name" "CONFIG_DATA" "value" ($text | replace "$" "$$") -}}
{{- end -}}
{{- $env := list (dict "name" "AGENT" "value" $settings.binary) $config -}}
{{- if include "log-sidecar.engineKeepsState" .root -}}
{{- $env = append $env (dict "name" "STATE_DIR" "value" (include "log-sidecar.stateDir" .sidecar)) -}}
{{- end -}}
{{- $env | toYaml -}}
{{- end -}}

{{/*
The shell function of the tail engine that follows files: one process for all files, so that no line is written into the
middle of another; with labels one for each, whose lines are then written one by one.
*/}}
{{- define "log-sidecar.tailFollow" -}}
follow() {
{{- if .root.Values.sidecar.fileLabel }}
{{- range .sidecar.files }}
  { stream {{ .path | squote }} | stdbuf -oL sed {{ printf "s/^/%s: /" .name | squote }}; kill "$life"; } &
{{- end }}
{{- else }}
  { stream{{ range .sidecar.files }} {{ .paths | default (squote .path) }}{{ end }}; kill "$life"; } &
{{- end }}
}
{{- end -}}

{{- define "log-sidecar.script" -}}
{{- .root.Files.Get "files/sidecar/signals.sh" -}}
{{- if eq .root.Values.sidecar.engine "tail" -}}
{{- include "log-sidecar.tailFollow" . }}
{{ end -}}
{{- .root.Files.Get (printf "files/sidecar/%s.sh" .root.Values.sidecar.engine) -}}
{{- end -}}

{{/*
Each engine has a template `log-sidecar.engine.<engine>` and, where it reads a configuration, `log-sidecar.config.<engine>`:
dict "root" $ "sidecar" <map>. The former returns a YAML map: `env`, environment of its own, and `path`, what probes request of
its HTTP server.
*/}}
{{- define "log-sidecar.engine.fluent-bit" -}}
path: /
env:
  # Fluent Bit's allocator, jemalloc, gives back at once what is not used: the peak after a backend's outage is halved.
  - name: MALLOC_CONF
    value: dirty_decay_ms:0,muzzy_decay_ms:0
  {{- $urls := list }}
  {{- range include "log-sidecar.sidecarOutputs" . | fromJsonArray }}
  {{- if dig "url" "" . }}{{ $urls = append $urls .variable }}{{ end }}
  {{- end }}
  {{- with $urls }}
  - name: URL_OUTPUTS
    value: {{ join " " . }}
  {{- end }}
{{- end -}}

{{- define "log-sidecar.engine.fluentd" -}}
path: /api/plugins.json
{{- end -}}

{{- define "log-sidecar.engine.tail" -}}
env:
  - name: MESSAGES
    value: {{ has .root.Values.sidecar.logLevel (list "info" "debug") | quote }}
{{- end -}}

{{- define "log-sidecar.configFile" -}}
{{- printf "%s.%s" .sidecar.name (ternary "json" "yaml" (eq .root.Values.sidecar.engine "sumologic-collector")) -}}
{{- end -}}

{{/* The data of the ConfigMap: one configuration for each sidecar; returns YAML. */}}
{{- define "log-sidecar.configData" -}}
{{- $data := dict -}}
{{- range include "log-sidecar.sidecars" . | fromJsonArray -}}
{{- $text := include (printf "log-sidecar.config.%s" $.Values.sidecar.engine) (dict "root" $ "sidecar" .) -}}
{{- $_ := set $data (include "log-sidecar.configFile" (dict "root" $ "sidecar" .)) $text -}}
{{- end -}}
{{- $data | toYaml -}}
{{- end -}}

{{/* The mounts of a sidecar's container: dict "root" $ "sidecar" <map>; returns a YAML list. */}}
{{- define "log-sidecar.sidecarMounts" -}}
{{- $scope := dict "root" .root "volumes" .sidecar.volumes -}}
{{- $logs := include "log-sidecar.logsMount" $scope | fromYaml -}}
{{- $mounts := list (merge (dict "readOnly" true) $logs) -}}
{{- if and (ne .root.Values.sidecar.engine "tail") (not .sidecar.inline) -}}
{{- $config := include "log-sidecar.volumeName" (merge (dict "volume" "config") $scope) -}}
{{- $mounts = append $mounts (dict "name" $config "mountPath" "/etc/log-sidecar" "readOnly" true) -}}
{{- end -}}
{{- if and (include "log-sidecar.engineKeepsState" .root) (eq .root.Values.logs.volume.type "persistentVolumeClaim") -}}
{{- /* On the same volume as the log files, so that a new pod resumes where the old one stopped. */ -}}
{{- $mounts = append $mounts (dict "name" $logs.name "mountPath" "/var/lib/log-sidecar" "subPath" ".log-sidecar") -}}
{{- else if include "log-sidecar.engineKeepsState" .root -}}
{{- $state := include "log-sidecar.volumeName" (merge (dict "volume" "state") $scope) -}}
{{- $mounts = append $mounts (dict "name" $state "mountPath" "/var/lib/log-sidecar") -}}
{{- end -}}
{{- $mounts = concat $mounts (include "log-sidecar.caMounts" (dict "outputs" (include "log-sidecar.sidecarOutputs" . | fromJsonArray) "volumes" .sidecar.volumes) | fromYamlArray) -}}
{{- concat $mounts .root.Values.sidecar.extraVolumeMounts | toYaml -}}
{{- end -}}

{{/* The container of a sidecar: dict "root" $ "sidecar" <map>. */}}
{{- define "log-sidecar.sidecarContainer" -}}
{{- $values := .root.Values -}}
{{- $engine := include (printf "log-sidecar.engine.%s" $values.sidecar.engine) . | fromYaml -}}
{{- $settings := get $values.sidecar (include "log-sidecar.engineKey" .root) -}}
{{- $port := include "log-sidecar.httpPort" . -}}
{{- $env := include "log-sidecar.scriptEnv" . | fromYamlArray -}}
{{- if $settings.binary }}{{ $env = concat $env (include "log-sidecar.agentEnv" . | fromYamlArray) }}{{ end -}}
{{- if $port }}{{ $env = append $env (dict "name" "POD_IP" "valueFrom" (dict "fieldRef" (dict "apiVersion" "v1" "fieldPath" "status.podIP"))) }}{{ end -}}
{{- $env = concat $env ($engine.env | default list) (include "log-sidecar.sidecarOutputs" . | fromJsonArray | include "log-sidecar.backendEnv" | fromYamlArray) -}}
name: {{ .sidecar.name | quote }}
image: {{ include "log-sidecar.image" (dict "root" .root "image" $settings.image) | quote }}
imagePullPolicy: {{ $settings.image.pullPolicy | quote }}
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
  {{- concat $env $values.sidecar.extraEnv | toYaml | nindent 2 }}
{{- with $port }}
ports:
  - name: {{ ternary (printf "metrics-%d" (int $.sidecar.index)) "metrics" $values.sidecar.perFile | quote }}
    containerPort: {{ . }}
{{- end }}
{{- with $values.sidecar.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- $handler := dict }}
{{- if $port }}{{ $handler = dict "httpGet" (dict "path" $engine.path "port" (int $port)) }}{{ end }}
{{- with include "log-sidecar.probes" (dict "values" $values.sidecar "handlers" (dict "startupProbe" $handler "livenessProbe" $handler "readinessProbe" $handler)) }}
{{ . }}
{{- end }}
{{- range $key := list "resources" "securityContext" }}
{{- with get $settings $key | default (get $values.sidecar $key) }}
{{ $key }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
volumeMounts:
  {{- include "log-sidecar.sidecarMounts" . | nindent 2 }}
{{- end -}}
