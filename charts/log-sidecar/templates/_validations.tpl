{{/*
Checks that the schema cannot express. Each check returns nothing, or a message with the problem, the place and the YAML to write
instead. All messages are shown at once, separated by form feeds, which no value can contain.
*/}}
{{- define "log-sidecar.validate" -}}
{{- $checks := list "PodMonitor" -}}
{{- if .Values.app.enabled -}}
{{- $checks = concat $checks (list "Fullname" "Files" "Volume" "Command" "Demo" "Ship" "Traces" "Kind" "Native" "Drain" "Engine" "Fluentd" "Sumologic" "Proxy" "Containers" "Objects" "Output" "Fargate") -}}
{{- end -}}
{{- if .Values.injection.enabled -}}
{{- $checks = append $checks "Injection" -}}
{{- end -}}
{{- /* Also where the chart only has templates for other charts (_parts.tpl). */ -}}
{{- $checks = concat $checks (list "Redaction" "Redacts" "Filters") -}}
{{- include "log-sidecar.runChecks" (dict "root" . "checks" $checks) -}}
{{- end -}}

{{/* Where nothing would be redacted, the chart refuses to send anything. */}}
{{- define "log-sidecar.checkRedacts" -}}
{{- $engine := .Values.sidecar.engine -}}
{{- $demo := .Values.app.demo -}}
{{- if include "log-sidecar.redacts" . -}}
{{- include "log-sidecar.reject" (list (and .Values.sidecar.enabled (ne $engine "fluent-bit"))
  (printf "`redaction` has rules, but `sidecar.engine` is %s, which cannot redact." $engine) "sidecar.engine" "fluent-bit") }}
{{- include "log-sidecar.reject" (list (and .Values.app.enabled $demo.enabled (ne $demo.logTo "file"))
  (printf "`redaction` has rules, but `app.demo.logTo` is %s: the demo sends its lines itself, without redaction." $demo.logTo) "app.demo.logTo" "file") }}
{{- end -}}
{{- end -}}

{{- define "log-sidecar.checkFilters" -}}
{{- $settings := .Values.sidecar.fluentBit -}}
{{- $multiline := list "logs.files" (list (dict "name" "app" "path" (printf "%s/app.log" .Values.logs.directory) "multiline" "java")) -}}
{{- include "log-sidecar.checkAgentFilters" (dict "path" "sidecar.fluentBit" "settings" $settings "match" (dict "files" (list "app")) "multiline" $multiline) -}}
{{- $formats := list -}}
{{- $also := list "docker" "cri" "regex" -}}
{{- $stdout := list -}}
{{- range include "log-sidecar.activeOutputs" . | fromJsonArray }}{{ if eq .type "stdout" }}{{ $stdout = append $stdout .name }}{{ end }}{{ end -}}
{{- $parsers := list "json" -}}
{{- $replaces := list -}}
{{- range $settings.extraParsers }}
{{- $parsers = append $parsers .name }}
{{- if contains "(?<log>" (toString .regex) }}{{ $replaces = append $replaces .name }}{{ end }}
{{- end -}}
{{- $encodings := .Files.Get "files/sidecar/encodings.yaml" | fromYaml -}}
{{- $all := dict -}}
{{- /* All files of an injected sidecar have the name logs. */ -}}
{{- $names := ternary (list "logs") list .Values.injection.enabled -}}
{{- range $index, $file := .Values.logs.files }}{{ $_ := set $all (printf "logs.files[%d]" $index) . }}{{ $names = append $names .name }}{{ end -}}
{{- range $name, $profile := .Values.injection.profiles }}{{ $_ := set $all (printf "injection.profiles.%s" $name) . }}{{ end -}}
{{- range $path, $file := $all -}}
{{- $formats = append $formats (dict "path" (printf "%s.multiline" $path) "formats" (list (.multiline | default "")) "also" $also) -}}
{{- include "log-sidecar.reject" (list (and .parser (not (has .parser $parsers)))
  (printf "`%s.parser` is %s, which does not exist. Write json, or add a parser:" $path .parser) "sidecar.fluentBit.extraParsers" (list (dict "name" .parser "format" "json"))) }}
{{- include "log-sidecar.reject" (list (and $stdout (has (toString .parser) $replaces))
  (printf "`%s.parser` is %s, whose group log replaces the line that the output %s prints. Rename the group, for example to message." $path .parser (first $stdout))) }}
{{- include "log-sidecar.reject" (list (and .encoding (not (hasKey $encodings .encoding)))
  (printf "`%s.encoding` is %s, but the chart reads UTF-8 and %s. For others, such as UTF-16, Fluent Bit garbles lines that it reads in two parts: configure the application to write UTF-8." $path .encoding (keys $encodings | sortAlpha | join ", "))
  "logs.files" (list (dict "name" "app" "path" (printf "%s/app.log" $.Values.logs.directory)))) }}
{{- include "log-sidecar.reject" (list (and (hasPrefix "injection." $path) (eq (.encoding | default "") "shift_jis"))
  (printf "`%s.encoding` is shift_jis, whose characters are too many for the environment of a pod. Use the chart in explicit mode for this application." $path)) }}
{{- range $key, $regex := .multilineRegex }}
{{- include "log-sidecar.reject" (list (not (include "log-sidecar.validRegex" .)) (printf "`%s.multilineRegex.%s` is %q, which is not a regular expression. Write for example:" $path $key .)
  "multilineRegex" (dict "start" "^\\d{4}-")) }}
{{- end }}
{{- end -}}
{{- include "log-sidecar.checkMultiline" (dict "path" "sidecar.fluentBit.extraMultilineParsers" "own" $settings.extraMultilineParsers "used" $formats) -}}
{{- range $key := list "extraFilters" "extraProcessors" }}
{{- include "log-sidecar.reject" (list (and (get $settings .) (ne $.Values.sidecar.engine "fluent-bit"))
  (printf "`sidecar.fluentBit.%s` is set, but the %s engine runs none." . $.Values.sidecar.engine) "sidecar.engine" "fluent-bit") }}
{{- end }}
{{- range $name, $processors := $settings.extraProcessors }}
{{- include "log-sidecar.reject" (list (not (has $name $names))
  (printf "`sidecar.fluentBit.extraProcessors.%s` is not the name of a file (%s)." $name (join ", " $names)) (printf "sidecar.fluentBit.extraProcessors.%s" (first $names)) .) }}
{{- end }}
{{- range $index, $filter := $settings.extraFilters }}
{{- include "log-sidecar.reject" (list (and $stdout (eq .name "parser") (eq .key_name "log") (ne (toString .preserve_key) "true"))
  (printf "`sidecar.fluentBit.extraFilters[%d]` replaces the field log, which the output %s prints. Keep it, and the other fields." $index (first $stdout))
  "sidecar.fluentBit.extraFilters" (list (mergeOverwrite dict . (dict "preserve_key" true "reserve_data" true)))) }}
{{- end }}
{{- end -}}

{{- define "log-sidecar.checkCommand" -}}
{{- $app := .Values.app -}}
{{- $own := include "log-sidecar.nonEmpty" (pick $app "command" "args") | fromJson -}}
{{- include "log-sidecar.reject" (list (and $app.demo.enabled $own)
  "`app.command` or `app.args` is set, but the demo application is enabled and runs its own command."
  "app" (merge (dict "demo" (dict "enabled" false)) $own)) }}
{{- include "log-sidecar.reject" (list (and (not $app.demo.enabled) (not $own) (hasSuffix "docker/library/python" $app.image.repository))
  (printf "`app.demo.enabled` is false, but the image %q contains no application." $app.image.repository)
  "app.image" (dict "registry" "111122223333.dkr.ecr.us-east-1.amazonaws.com" "repository" "my-application" "tag" "1.0.0")
  "app.command" (list "python3" "-c" "print('hello')")) }}
{{- end -}}

{{- define "log-sidecar.checkDemo" -}}
{{- $demo := .Values.app.demo -}}
{{- range ternary (slice .Values.logs.files 0 1) list (and $demo.enabled (gt (len .Values.logs.files) 0)) }}
{{- include "log-sidecar.reject" (list (regexMatch "[*?\\[]" .path) (printf "The demo application writes to `logs.files[0].path`, but %q is a glob." .path)
  "logs.files" (list (dict "name" .name "path" (printf "%s/app.log" $.Values.logs.directory)))) }}
{{- include "log-sidecar.reject" (list (and (eq (.rotation | default "rename") "copytruncate") (gt (int64 $demo.rotateBytes) 0))
  "The demo application renames its log to rotate it, but `logs.files[0].rotation` is copytruncate." "app.demo.rotateBytes" 0) }}
{{- include "log-sidecar.reject" (list (and (not $.Values.app.ports) (not (include "log-sidecar.runsToEnd" $)))
  "The demo application listens on the first port of `app.ports`, but `app.ports` is empty."
  "app.ports" (list (dict "name" "http" "containerPort" 5000))) }}
{{- end }}
{{- end -}}

{{- define "log-sidecar.checkKind" -}}
{{- $app := .Values.app -}}
{{- $kind := $app.kind -}}
{{- $scales := has $kind (list "Deployment" "StatefulSet") -}}
{{- $updates := has $kind (list "Deployment" "StatefulSet" "DaemonSet") -}}
{{- $instead := dict "kind" $kind "replicas" nil -}}
{{- if eq $kind "Job" }}{{ $_ := set $instead "job" (dict "completions" $app.replicas "parallelism" $app.replicas) }}{{ end -}}
{{- include "log-sidecar.reject" (list (not (or $scales (kindIs "invalid" $app.replicas)))
  (printf "`app.replicas` is %v, but a %s has no replicas." $app.replicas $kind) "app" $instead) }}
{{- include "log-sidecar.reject" (list (and (include "log-sidecar.runsToEnd" .) (eq $app.restartPolicy "Always"))
  (printf "`app.restartPolicy` is Always, but a %s must run to completion." $kind) "app.restartPolicy" "OnFailure") }}
{{- include "log-sidecar.reject" (list (and $updates (has $app.restartPolicy (list "OnFailure" "Never")))
  (printf "`app.restartPolicy` is %s, but a %s always restarts its containers." $app.restartPolicy $kind) "app.restartPolicy" "") }}
{{- $type := get $app.updateStrategy "type" }}
{{- include "log-sidecar.reject" (list (and $updates (eq $type (ternary "OnDelete" "Recreate" (eq $kind "Deployment"))))
  (printf "`app.updateStrategy.type` is %s, which a %s does not support." $type $kind) "app.updateStrategy.type" "RollingUpdate") }}
{{- $surge := (get $app.updateStrategy "rollingUpdate" | default dict).maxSurge }}
{{- include "log-sidecar.reject" (list (and (eq $kind "StatefulSet") (not (kindIs "invalid" $surge)))
  "`app.updateStrategy.rollingUpdate.maxSurge` is set, but a StatefulSet deletes each old pod before it creates the new one."
  "app.updateStrategy.rollingUpdate.maxSurge" nil) }}
{{- include "log-sidecar.reject" (list (and $app.updateStrategy (not $updates)) (printf "`app.updateStrategy` is set, but a %s has no update strategy." $kind)
  "app.updateStrategy" dict) }}
{{- end -}}

{{- define "log-sidecar.checkNative" -}}
{{- $sidecar := .Values.sidecar -}}
{{- $plain := and $sidecar.enabled (not $sidecar.native) -}}
{{- include "log-sidecar.reject" (list (and $plain (include "log-sidecar.runsToEnd" .))
  (printf "`sidecar.native` is false, but a plain sidecar never exits: the %s would never complete." .Values.app.kind) "sidecar.native" true) }}
{{- $needed := add (int $sidecar.quietSeconds) (ceil $sidecar.drainSeconds | int) 4 }}
{{- include "log-sidecar.reject" (list (and $plain (gt $needed (int .Values.terminationGracePeriodSeconds)))
  (printf "`sidecar.quietSeconds` (%v) and `sidecar.drainSeconds` (%v) do not fit within `terminationGracePeriodSeconds` (%v)." $sidecar.quietSeconds $sidecar.drainSeconds .Values.terminationGracePeriodSeconds)
  "terminationGracePeriodSeconds" $needed) }}
{{- end -}}

{{/* A file that was created and rotated just before the end is discovered by the second scan. */}}
{{- define "log-sidecar.checkDrain" -}}
{{- $sidecar := .Values.sidecar -}}
{{- if and $sidecar.enabled (eq $sidecar.engine "fluent-bit") -}}
{{- include "log-sidecar.rejectDrain" (dict "seconds" $sidecar.drainSeconds "path" "sidecar" "engine" "fluentBit" "interval" $sidecar.fluentBit.refreshInterval) -}}
{{- end -}}
{{- end -}}

{{/* Dict "path" <of the block with drainSeconds> "seconds" <its value> "engine" <key> "interval" <its refreshInterval>. */}}
{{- define "log-sidecar.rejectDrain" -}}
{{- $needed := mulf 2 .interval -}}
{{- include "log-sidecar.reject" (list (lt (float64 .seconds) $needed)
  (printf "`%s.drainSeconds` is %v, less than two scan intervals (`sidecar.%s.refreshInterval`: %v): the last lines could be lost." .path .seconds .engine .interval)
  (printf "%s.drainSeconds" .path) $needed) }}
{{- end -}}

{{/* Settings of files that only the fluent-bit engine supports. */}}
{{- define "log-sidecar.checkEngine" -}}
{{- $engine := .Values.sidecar.engine -}}
{{- $tail := eq $engine "tail" -}}
{{- $sumo := eq $engine "sumologic-collector" -}}
{{- range $index, $file := ternary .Values.logs.files list .Values.sidecar.enabled }}
{{- $multiline := .multiline | default "" }}
{{- $problems := dict
  (printf "cannot follow the glob %q. Write an exact path" .path) (and $tail (regexMatch "[*?\\[]" .path))
  (printf "cannot join the lines of %s records. Write `multiline: \"\"`" $multiline) (and $multiline (has $engine (list "tail" "fluentd")))
  (printf "cannot read %s records. Remove `multiline`" $multiline) (and $sumo (has $multiline (list "docker" "cri")))
  (printf "cannot parse lines (%s). Remove `parser`" .parser) (and .parser (ne $engine "fluent-bit"))
  (printf "cannot convert %s to UTF-8. Remove `encoding`" .encoding) (and .encoding (ne $engine "fluent-bit"))
  "follows the file by name and does not read rotated files. Remove `rotated`" (and $tail .rotated)
  (printf "finds rotated files by %q and accepts no other names. Remove `rotated`" (printf "%s*" .path)) (and $sumo .rotated)
}}
{{- range $problem, $found := $problems }}
{{- include "log-sidecar.reject" (list $found (printf "`logs.files[%d]` (%s): the %s engine %s, or change the engine." $index $file.name $engine $problem)
  "sidecar.engine" "fluent-bit") }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Names are labels, and two containers of a pod cannot listen on the same port: the second one fails to start. */}}
{{- define "log-sidecar.checkContainers" -}}
{{- $used := list -}}
{{- range .Values.app.ports }}{{ $used = append $used (toString .containerPort) }}{{ end }}
{{- $engine := include "log-sidecar.engineKey" . }}
{{- range include "log-sidecar.sidecars" . | fromJsonArray }}
{{- include "log-sidecar.reject" (list (gt (len .name) 63) (printf "The sidecar name %q is longer than 63 characters. Write a shorter name:" .name)
  "sidecar.name" ($.Values.sidecar.name | trunc 20 | trimSuffix "-")) }}
{{- $port := ternary (include "log-sidecar.httpPort" (dict "root" $ "sidecar" .)) "" (ne "" (include "log-sidecar.hasSidecarConfig" $)) }}
{{- include "log-sidecar.reject" (list (and $port (has $port $used))
  (printf "Port %s is in `app.ports`, but the sidecar's HTTP server listens on it. Write a different port:" $port)
  (printf "sidecar.%s.httpServer.port" $engine) (add 10000 (mod (dig "httpServer" "port" 0 (get $.Values.sidecar $engine | default dict)) 50000))) }}
{{- end }}
{{- end -}}

{{- define "log-sidecar.checkObjects" -}}
{{- $app := .Values.app -}}
{{- include "log-sidecar.checkRole" (dict "path" "serviceAccount" "account" .Values.serviceAccount) }}
{{- include "log-sidecar.reject" (list (and .Values.podDisruptionBudget.enabled (not (has $app.kind (list "Deployment" "StatefulSet"))))
  (printf "`podDisruptionBudget.enabled` is true, but a PodDisruptionBudget requires a Deployment or StatefulSet, and `app.kind` is %s." $app.kind)
  "podDisruptionBudget.enabled" false) }}
{{- include "log-sidecar.checkBudgetLimit" (dict "values" .Values "path" "") }}
{{- if include "log-sidecar.hasService" . }}{{ include "log-sidecar.checkService" (dict "values" $app "path" "app.") }}{{ end }}
{{- end -}}

{{- define "log-sidecar.checkPodMonitor" -}}
{{- $agents := and (eq .Values.sidecar.engine "fluent-bit") (include "log-sidecar.sidecars" . | fromJsonArray) -}}
{{- include "log-sidecar.reject" (list (and .Values.podMonitor.enabled (not $agents))
  "`podMonitor.enabled` is true, but no pod of this release has a sidecar with Fluent Bit, so there are no metrics." "podMonitor.enabled" false) }}
{{- end -}}
