{{/* The sidecars and their containers. */}}

{{/* The sidecars of the chart's own pod, as a JSON list. */}}
{{- define "log-sidecar.sidecars" -}}
{{- ternary (include "log-sidecar.listSidecars" (dict "root" .)) "[]" .Values.app.enabled -}}
{{- end -}}

{{/*
The sidecars of any pod, one for all files or one for each, as a JSON list: [{"name": "sidecar", "files": [...], "index": 0}].
dict "root" $ and, for the pod of another chart, "inline" true: the configuration comes in the environment instead of a
ConfigMap; and "volumes" {"logs": ..., "config": ..., "state": ...}: the names of that pod's volumes.
*/}}
{{- define "log-sidecar.listSidecars" -}}
{{- $settings := .root.Values.sidecar -}}
{{- $files := .root.Values.logs.files -}}
{{- $given := omit . "root" -}}
{{- $sidecars := list -}}
{{- if and $settings.enabled $settings.perFile -}}
{{- range $index, $file := $files -}}
{{- $sidecars = append $sidecars (merge (dict "name" (printf "%s-%s" $settings.name $file.name) "files" (list $file) "index" $index) $given) -}}
{{- end -}}
{{- else if $settings.enabled -}}
{{- $sidecars = list (merge (dict "name" $settings.name "files" $files "index" 0) $given) -}}
{{- end -}}
{{- $sidecars | toJson -}}
{{- end -}}

{{/*
The path patterns of a file as a JSON list: its rotated names, if rotation renames it, then its own path. Rotated files hold the
lines written just before the rotation, and files that are found together are read in this order. Copies (copytruncate) hold
only lines that were already read.
*/}}
{{- define "log-sidecar.patterns" -}}
{{- $rotated := list -}}
{{- if ne (.rotation | default "rename") "copytruncate" -}}
{{- $rotated = .rotated | default (list (printf "%s-*" .path) (printf "%s.*" .path)) -}}
{{- end -}}
{{- append $rotated .path | uniq | toJson -}}
{{- end -}}

{{/* How long a sidecar keeps reading, in seconds; one more for multiline records, as the last one waits for further lines. */}}
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
{{- with (get .root.Values.sidecar (include "log-sidecar.engineKey" .root)).httpServer }}{{ add .port $.sidecar.index }}{{ end -}}
{{- end -}}

{{/* Name of one of the pod's volumes: dict "root" $ "volume" "logs" and, for the pod of another chart, "volumes" as above. */}}
{{- define "log-sidecar.volumeName" -}}
{{- /* `logs-data` and `config-data` are the names in Sumo Logic's examples. */ -}}
{{- $suffix := ternary "-data" "" (eq .root.Values.sidecar.engine "sumologic-collector") -}}
{{- $name := get (.volumes | default dict) .volume | default (printf "%s%s" .volume $suffix) -}}
{{- and (eq .volume "logs") (eq .root.Values.logs.volume.type "existing") | ternary .root.Values.logs.volume.existing.name $name -}}
{{- end -}}

{{/*
The mounts of the log files, without `readOnly`, as a YAML list, that of `logs.directory` first; arguments as above. On a claim, other
directories have hidden names, which no glob below `logs.directory` matches.
*/}}
{{- define "log-sidecar.logsMounts" -}}
{{- $logs := .root.Values.logs -}}
{{- $name := include "log-sidecar.volumeName" (merge (dict "volume" "logs") .) -}}
{{- $mounts := list (dict "name" $name "mountPath" $logs.directory "subPath" (eq $logs.volume.type "existing" | ternary $logs.volume.existing.subPath "")) -}}
{{- range $key, $directory := $logs.extraDirectories -}}
{{- $mount := dict "name" (printf "%s-%s" (trunc 41 $name) $key) -}}
{{- if eq $logs.volume.type "persistentVolumeClaim" }}{{ $mount = dict "name" $name "subPath" (printf ".logs-%s" $key) }}{{ end -}}
{{- with .existing }}{{ $mount = pick . "name" "subPath" }}{{ end -}}
{{- $mounts = append $mounts (merge (dict "mountPath" .path) $mount) -}}
{{- end -}}
{{- range $mounts }}
- {{ include "log-sidecar.nonEmpty" . }}
{{- end -}}
{{- end -}}

{{/* Directory of a sidecar's positions and buffers. */}}
{{- define "log-sidecar.stateDir" -}}
{{- printf "/var/lib/log-sidecar/%s" .name -}}
{{- end -}}

{{/* The environment of a sidecar: dict "root" $ "sidecar" <map> "engine" <of log-sidecar.engine.*>; returns a YAML list. */}}
{{- define "log-sidecar.sidecarEnv" -}}
{{- $values := .root.Values -}}
{{- $drain := include "log-sidecar.drainSeconds" . -}}
{{- $settings := get $values.sidecar (include "log-sidecar.engineKey" .root) -}}
{{- $env := list (list "NATIVE" (toString $values.sidecar.native)) (list "DRAIN_SECONDS" $drain) -}}
{{- if not $values.sidecar.native -}}
{{- /* The longest wait that leaves time for the drain and the shutdown of the agent. */ -}}
{{- $longest := sub $values.terminationGracePeriodSeconds (add (float64 $drain | ceil) (include "log-sidecar.grace" .root | int) 1) -}}
{{- $watch := list -}}
{{- range .sidecar.files }}{{ $watch = concat $watch (include "log-sidecar.patterns" . | fromJsonArray) }}{{ end -}}
{{- $env = concat $env (list
  (list "QUIET_SECONDS" (toString $values.sidecar.quietSeconds))
  (list "LONGEST_SECONDS" (max 0 $longest | toString))
  (list "WATCH" (join " " $watch))
) -}}
{{- end -}}
{{- if $settings.binary -}}
{{- $config := list "CONFIG" (printf "/etc/log-sidecar/%s" (include "log-sidecar.configFile" .)) -}}
{{- if .sidecar.inline -}}
{{- /* The kubelet expands "$(NAME)", and writes "$" for "$$". */ -}}
{{- $config = list "CONFIG_DATA" (include (printf "log-sidecar.config.%s" $values.sidecar.engine) . | replace "$" "$$") -}}
{{- end -}}
{{- $env = concat $env (list (list "AGENT" $settings.binary) $config) -}}
{{- if include "log-sidecar.engineKeepsState" .root }}{{ $env = append $env (list "STATE_DIR" (include "log-sidecar.stateDir" .sidecar)) }}{{ end -}}
{{- end -}}
{{- $named := list -}}
{{- range $env }}{{ $named = append $named (dict "name" (first .) "value" (last .)) }}{{ end -}}
{{- if include "log-sidecar.httpPort" . }}{{ $named = append $named (dict "name" "POD_IP" "valueFrom" (dict "fieldRef" (dict "apiVersion" "v1" "fieldPath" "status.podIP"))) }}{{ end -}}
{{- $outputs := include "log-sidecar.sidecarOutputs" . | fromJsonArray -}}
{{- $backend := include "log-sidecar.backendEnv" $outputs | fromYamlArray -}}
{{- if $backend -}}
{{- $proxy := dict "root" .root "fluentBit" (eq $values.sidecar.engine "fluent-bit") "fluentd" (eq $values.sidecar.engine "fluentd") "hosts" (include "log-sidecar.outputHosts" (dict "root" .root "outputs" $outputs) | fromJsonArray) -}}
{{- $backend = include "log-sidecar.proxyEnv" $proxy | fromJsonArray | concat $backend -}}
{{- $trusted := dict "root" .root "file" (include "log-sidecar.caBundleFile" .root) "names" (ternary (list "SSL_CERT_FILE") list (eq $values.sidecar.engine "fluentd")) -}}
{{- $backend = include "log-sidecar.trustEnv" $trusted | fromJsonArray | concat $backend -}}
{{- end -}}
{{- concat $named (.engine.env | default list) $backend $values.sidecar.extraEnv | toYaml -}}
{{- end -}}

{{/*
The script of a sidecar: dict "root" $ "sidecar" <map>. The tail engine has a shell function `follow`: one process for all
files, so that lines do not mix; with labels one for each file, whose lines are then written one by one.
*/}}
{{- define "log-sidecar.script" -}}
{{- .root.Files.Get "files/sidecar/signals.sh" -}}
{{- if eq .root.Values.sidecar.engine "tail" -}}
follow() {
{{- if .root.Values.sidecar.fileLabel }}
{{- range .sidecar.files }}
  { stream {{ .path | squote }} | stdbuf -oL sed {{ printf "s/^/%s: /" .name | squote }}; kill "$life"; } &
{{- end }}
{{- else }}
  { stream{{ range .sidecar.files }} {{ .paths | default (squote .path) }}{{ end }}; kill "$life"; } &
{{- end }}
}
{{ end -}}
{{- .root.Files.Get (printf "files/sidecar/%s.sh" .root.Values.sidecar.engine) -}}
{{- end -}}

{{/*
Each engine has a template `log-sidecar.engine.<engine>` and, where it reads a configuration, `log-sidecar.config.<engine>`:
dict "root" $ "sidecar" <map>. The former returns a YAML map: `env`, its own environment, and `path`, the path of its HTTP
probes.
*/}}
{{- define "log-sidecar.engine.fluent-bit" -}}
path: /
env:
  # Fluent Bit's allocator, jemalloc, returns unused memory at once: the peak after a backend's outage is halved.
  - name: MALLOC_CONF
    value: dirty_decay_ms:0,muzzy_decay_ms:0
  {{- $urls := list }}
  {{- range include "log-sidecar.sidecarOutputs" . | fromJsonArray }}{{ if dig "url" "" . }}{{ $urls = append $urls .variable }}{{ end }}{{ end }}
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
{{- $logs := include "log-sidecar.logsMounts" $scope | fromYamlArray -}}
{{- $mounts := list -}}
{{- range $logs }}{{ $mounts = append $mounts (merge (dict "readOnly" true) .) }}{{ end -}}
{{- if and (ne .root.Values.sidecar.engine "tail") (not .sidecar.inline) -}}
{{- $config := include "log-sidecar.volumeName" (merge (dict "volume" "config") $scope) -}}
{{- $mounts = append $mounts (dict "name" $config "mountPath" "/etc/log-sidecar" "readOnly" true) -}}
{{- end -}}
{{- if include "log-sidecar.engineKeepsState" .root -}}
{{- $state := dict "name" (include "log-sidecar.volumeName" (merge (dict "volume" "state") $scope)) -}}
{{- /* Stored on the claim of the log files, the state lets a new pod resume where the old one stopped. */ -}}
{{- if eq .root.Values.logs.volume.type "persistentVolumeClaim" }}{{ $state = dict "name" (first $logs).name "subPath" ".log-sidecar" }}{{ end -}}
{{- $mounts = append $mounts (merge (dict "mountPath" "/var/lib/log-sidecar") $state) -}}
{{- end -}}
{{- $certificates := include "log-sidecar.caMounts" (dict "root" .root "outputs" (include "log-sidecar.sidecarOutputs" . | fromJsonArray) "volumes" .sidecar.volumes) -}}
{{- concat $mounts (fromYamlArray $certificates) .root.Values.sidecar.extraVolumeMounts | toYaml -}}
{{- end -}}

{{/*
Security context of a sidecar, as JSON; arguments as below. It runs as the user of the application, unless it has its own, so that it
can read files that only their owner can. For pods of other charts, the application is unknown.
*/}}
{{- define "log-sidecar.sidecarSecurity" -}}
{{- $sidecar := .root.Values.sidecar -}}
{{- $context := (get $sidecar (include "log-sidecar.engineKey" .root)).securityContext | default $sidecar.securityContext -}}
{{- $user := pick .root.Values.app.securityContext "runAsUser" "runAsGroup" -}}
{{- if and $user (not .sidecar.inline) -}}
{{- $context = merge (dict) $context $user -}}
{{- if eq (toString $context.runAsUser) "0" }}{{ $_ := set $context "runAsNonRoot" false }}{{ end -}}
{{- end -}}
{{- toJson $context -}}
{{- end -}}

{{/* The container of a sidecar: dict "root" $ "sidecar" <map>. */}}
{{- define "log-sidecar.sidecarContainer" -}}
{{- $sidecar := .root.Values.sidecar -}}
{{- $engine := include (printf "log-sidecar.engine.%s" $sidecar.engine) . | fromYaml -}}
{{- $settings := get $sidecar (include "log-sidecar.engineKey" .root) -}}
{{- $container := dict
  "name" .sidecar.name
  "image" (include "log-sidecar.image" (dict "root" .root "image" $settings.image))
  "imagePullPolicy" $settings.image.pullPolicy
  "restartPolicy" (ternary "Always" "" $sidecar.native)
  "command" (list "/bin/sh" "-c")
  "args" (list (include "log-sidecar.script" .))
  "env" (include "log-sidecar.sidecarEnv" (merge (dict "engine" $engine) .) | fromYamlArray)
  "envFrom" $sidecar.extraEnvFrom
  "resources" ($settings.resources | default $sidecar.resources)
  "securityContext" (include "log-sidecar.sidecarSecurity" . | fromJson)
  "volumeMounts" (include "log-sidecar.sidecarMounts" . | fromYamlArray)
-}}
{{- $handler := dict -}}
{{- with include "log-sidecar.httpPort" . -}}
{{- $handler = dict "httpGet" (dict "path" $engine.path "port" (int .)) -}}
{{- $_ := set $container "ports" (list (dict "name" (ternary (printf "metrics-%d" (int $.sidecar.index)) "metrics" $sidecar.perFile) "containerPort" (int .))) -}}
{{- end -}}
{{- $handlers := dict "startupProbe" $handler "livenessProbe" $handler "readinessProbe" $handler -}}
{{- $container = merge $container (include "log-sidecar.probes" (dict "values" $sidecar "handlers" $handlers) | fromJson) -}}
{{- include "log-sidecar.nonEmpty" $container -}}
{{- end -}}
