{{/*
Checks that the schema cannot express. Each check returns nothing, or a message with the problem, the place and the YAML to write
instead. All messages are shown at once, separated by form feeds, which no value can contain.
*/}}
{{- define "log-sidecar.validate" -}}
{{- $checks := list -}}
{{- if .Values.app.enabled -}}
{{- $checks = list "Fullname" "Files" "Volume" "Command" "Demo" "Ship" "Traces" "Kind" "Native" "Drain" "Engine" "Fluentd" "Sumologic" "Names" "Ports" "Budget" "Service" "Account" "Output" "Multiline" -}}
{{- end -}}
{{- if .Values.injection.enabled -}}
{{- $checks = append $checks "Injection" -}}
{{- end -}}
{{- include "log-sidecar.runChecks" (dict "root" . "checks" $checks) -}}
{{- end -}}

{{- define "log-sidecar.checkCommand" -}}
{{- $app := .Values.app -}}
{{- if and $app.demo.enabled (or $app.command $app.args) }}
app.command or app.args is set, but the demo application is enabled and runs its own command. Write:
app:
  demo:
    enabled: false{{ with $app.command }}
  command: {{ toJson . }}{{ end }}{{ with $app.args }}
  args: {{ toJson . }}{{ end }}{{ "\f" }}
{{- end }}
{{- if and (not $app.demo.enabled) (not $app.command) (not $app.args) (hasSuffix "docker/library/python" $app.image.repository) }}
app.demo.enabled is false, but the image {{ $app.image.repository | quote }} contains no application. Write:
app:
  image:
    registry: 111122223333.dkr.ecr.us-east-1.amazonaws.com
    repository: my-application
    tag: 1.0.0
or:
app:
  command: ["python3", "-c", "print('hello')"]{{ "\f" }}
{{- end }}
{{- end -}}

{{- define "log-sidecar.checkDemo" -}}
{{- if and .Values.app.demo.enabled .Values.logs.files }}
{{- $first := first .Values.logs.files }}
{{- if regexMatch "[*?\\[]" $first.path }}
The demo application writes to logs.files[0].path, but {{ $first.path | quote }} is a glob. Write:
logs:
  files:
    - name: {{ $first.name }}
      path: {{ .Values.logs.directory }}/app.log{{ "\f" }}
{{- end }}
{{- if and (eq ($first.rotation | default "rename") "copytruncate") (gt (int64 .Values.app.demo.rotateBytes) 0) }}
The demo application renames its log to rotate it, but logs.files[0].rotation is copytruncate. Write:{{ include "log-sidecar.write" (dict "path" "app.demo.rotateBytes" "value" "0") }}{{ "\f" }}
{{- end }}
{{- if and (not .Values.app.ports) (not (include "log-sidecar.runsToEnd" .)) }}
The demo application listens on the first port of app.ports, but app.ports is empty. Write:
app:
  ports:
    - name: http
      containerPort: 5000{{ "\f" }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "log-sidecar.checkKind" -}}
{{- $app := .Values.app -}}
{{- if and (not (kindIs "invalid" $app.replicas)) (not (has $app.kind (list "Deployment" "StatefulSet"))) }}
app.replicas is {{ $app.replicas }}, but a {{ $app.kind }} has no replicas. {{ if eq $app.kind "Job" -}}
To run several pods, write:
app:
  kind: Job
  replicas: null
  job:
    completions: {{ $app.replicas }}
    parallelism: {{ $app.replicas }}
{{- else -}}
Write:
app:
  kind: {{ $app.kind }}
  replicas: null
{{- end }}{{ "\f" }}
{{- end }}
{{- if and (include "log-sidecar.runsToEnd" .) (eq $app.restartPolicy "Always") }}
app.restartPolicy is Always, but a {{ $app.kind }} must run to completion. Write:{{ include "log-sidecar.write" (dict "path" "app.restartPolicy" "value" "OnFailure") }}{{ "\f" }}
{{- end }}
{{- if and (has $app.kind (list "Deployment" "StatefulSet" "DaemonSet")) (has $app.restartPolicy (list "OnFailure" "Never")) }}
app.restartPolicy is {{ $app.restartPolicy }}, but a {{ $app.kind }} always restarts its containers. Write:{{ include "log-sidecar.write" (dict "path" "app.restartPolicy" "value" "\"\"") }}{{ "\f" }}
{{- end }}
{{- $type := get $app.updateStrategy "type" }}
{{- if and $type (has $app.kind (list "Deployment" "StatefulSet" "DaemonSet")) (eq $type (ternary "OnDelete" "Recreate" (eq $app.kind "Deployment"))) }}
app.updateStrategy.type is {{ $type }}, which a {{ $app.kind }} does not support. Write:{{ include "log-sidecar.write" (dict "path" "app.updateStrategy.type" "value" "RollingUpdate") }}{{ "\f" }}
{{- end }}
{{- $rolling := get $app.updateStrategy "rollingUpdate" }}
{{- if and (eq $app.kind "StatefulSet") (kindIs "map" $rolling) (not (kindIs "invalid" (dig "maxSurge" nil $rolling))) }}
app.updateStrategy.rollingUpdate.maxSurge is set, but a StatefulSet deletes each old pod before it creates the new one. Write:{{ include "log-sidecar.write" (dict "path" "app.updateStrategy.rollingUpdate.maxSurge" "value" "null") }}{{ "\f" }}
{{- end }}
{{- if and $app.updateStrategy (not (has $app.kind (list "Deployment" "StatefulSet" "DaemonSet"))) }}
app.updateStrategy is set, but a {{ $app.kind }} has no update strategy. Write:{{ include "log-sidecar.write" (dict "path" "app.updateStrategy" "value" "{}") }}{{ "\f" }}
{{- end }}
{{- end -}}

{{- define "log-sidecar.checkNative" -}}
{{- $sidecar := .Values.sidecar -}}
{{- if and $sidecar.enabled (not $sidecar.native) }}
{{- if include "log-sidecar.runsToEnd" . }}
sidecar.native is false, but a plain sidecar never exits: the {{ .Values.app.kind }} would never complete. Write:{{ include "log-sidecar.write" (dict "path" "sidecar.native" "value" "true") }}{{ "\f" }}
{{- end }}
{{- $needed := add (int $sidecar.quietSeconds) (ceil $sidecar.drainSeconds | int) 4 }}
{{- if gt $needed (int .Values.terminationGracePeriodSeconds) }}
sidecar.quietSeconds ({{ $sidecar.quietSeconds }}) and sidecar.drainSeconds ({{ $sidecar.drainSeconds }}) do not fit within terminationGracePeriodSeconds ({{ .Values.terminationGracePeriodSeconds }}). Write:
terminationGracePeriodSeconds: {{ $needed }}{{ "\f" }}
{{- end }}
{{- end }}
{{- end -}}

{{/* A file that was created and rotated just before the end is discovered by the second scan. */}}
{{- define "log-sidecar.checkDrain" -}}
{{- $sidecar := .Values.sidecar -}}
{{- $needed := mulf 2 $sidecar.fluentBit.refreshInterval -}}
{{- if and $sidecar.enabled (eq $sidecar.engine "fluent-bit") (lt (float64 $sidecar.drainSeconds) $needed) }}
sidecar.drainSeconds is {{ $sidecar.drainSeconds }}, less than two scan intervals (sidecar.fluentBit.refreshInterval: {{ $sidecar.fluentBit.refreshInterval }}): the last lines could be lost. Write:{{ include "log-sidecar.write" (dict "path" "sidecar.drainSeconds" "value" $needed) }}{{ "\f" }}
{{- end }}
{{- end -}}

{{/* Settings of files that only the fluent-bit engine supports. */}}
{{- define "log-sidecar.checkEngine" -}}
{{- $engine := .Values.sidecar.engine -}}
{{- range $index, $file := ternary .Values.logs.files list .Values.sidecar.enabled }}
{{- $faults := list }}
{{- if and (eq $engine "tail") (regexMatch "[*?\\[]" $file.path) }}{{ $faults = append $faults (printf "cannot follow the glob %q. Write an exact path" $file.path) }}{{ end }}
{{- if and $file.multiline (has $engine (list "tail" "fluentd")) }}{{ $faults = append $faults (printf "cannot join the lines of %s records. Write `multiline: \"\"`" $file.multiline) }}{{ end }}
{{- if and (has $file.multiline (list "docker" "cri")) (eq $engine "sumologic-collector") }}{{ $faults = append $faults (printf "cannot read %s records. Remove `multiline`" $file.multiline) }}{{ end }}
{{- if and $file.rotated (eq $engine "tail") }}{{ $faults = append $faults "follows the file by name and does not read rotated files. Remove `rotated`" }}{{ end }}
{{- if and $file.rotated (eq $engine "sumologic-collector") }}{{ $faults = append $faults (printf "finds rotated files by %q and accepts no other names. Remove `rotated`" (printf "%s*" $file.path)) }}{{ end }}
{{- range $faults }}
logs.files[{{ $index }}] ({{ $file.name }}): the {{ $engine }} engine {{ . }}, or change the engine. Write:{{ include "log-sidecar.write" (dict "path" "sidecar.engine" "value" "fluent-bit") }}{{ "\f" }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "log-sidecar.checkNames" -}}
{{- range include "log-sidecar.sidecars" . | fromJsonArray }}
{{- if gt (len .name) 63 }}
The sidecar name {{ .name | quote }} is longer than 63 characters. Write a shorter name:{{ include "log-sidecar.write" (dict "path" "sidecar.name" "value" ($.Values.sidecar.name | trunc 20 | trimSuffix "-")) }}{{ "\f" }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Two containers of a pod cannot listen on the same port: the second one fails to start. */}}
{{- define "log-sidecar.checkPorts" -}}
{{- $used := dict -}}
{{- range .Values.app.ports }}{{ $_ := set $used (toString .containerPort) "app.ports" }}{{ end }}
{{- if include "log-sidecar.hasSidecarConfig" . }}
{{- range include "log-sidecar.sidecars" . | fromJsonArray }}
{{- $port := include "log-sidecar.httpPort" (dict "root" $ "sidecar" .) }}
{{- if and $port (hasKey $used $port) }}
{{- $engine := include "log-sidecar.engineKey" $ }}
Port {{ $port }} is in app.ports, but the sidecar's HTTP server listens on it. Write a different port:{{ include "log-sidecar.write" (dict "path" (printf "sidecar.%s.httpServer.port" $engine) "value" (add 10000 (int (get $.Values.sidecar $engine).httpServer.port))) }}{{ "\f" }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* The role of the ServiceAccount, which only the chart annotates. */}}
{{- define "log-sidecar.checkAccount" -}}
{{- $account := .Values.serviceAccount -}}
{{- $other := get $account.annotations "eks.amazonaws.com/role-arn" -}}
{{- if and $account.roleArn $other (ne $account.roleArn $other) }}
serviceAccount.roleArn and serviceAccount.annotations specify different roles. Keep one:
serviceAccount:
  roleArn: {{ $account.roleArn }}
  annotations:
    eks.amazonaws.com/role-arn: {{ $account.roleArn }}{{ "\f" }}
{{- end }}
{{- if and $account.roleArn (not $account.create) }}
serviceAccount.roleArn is set, but serviceAccount.create is false: the chart annotates only a ServiceAccount that it creates. Write one of:
serviceAccount:
  create: true
serviceAccount:
  roleArn: ""{{ "\f" }}
{{- end }}
{{- end -}}

{{- define "log-sidecar.checkBudget" -}}
{{- if and .Values.podDisruptionBudget.enabled (not (has .Values.app.kind (list "Deployment" "StatefulSet"))) }}
podDisruptionBudget.enabled is true, but a PodDisruptionBudget requires a Deployment or StatefulSet, and app.kind is {{ .Values.app.kind }}. Write:{{ include "log-sidecar.write" (dict "path" "podDisruptionBudget.enabled" "value" "false") }}{{ "\f" }}
{{- end }}
{{- end -}}

{{- define "log-sidecar.checkService" -}}
{{- $service := .Values.app.service -}}
{{- if include "log-sidecar.hasService" . }}
{{- if not $service.ports }}
app.service.ports is empty, but a Service requires at least one port. Write:{{ include "log-sidecar.write" (dict "path" "app.service.enabled" "value" "false") }}{{ "\f" }}
{{- end }}
{{- $ports := list }}
{{- range .Values.app.ports }}{{ if .name }}{{ $ports = append $ports .name }}{{ end }}{{ end }}
{{- range $index, $port := $service.ports }}
{{- if and (kindIs "string" $port.targetPort) (not (has $port.targetPort $ports)) }}
app.service.ports[{{ $index }}].targetPort is {{ $port.targetPort | quote }}, but app.ports has no port with that name. Write:
app:
  service:
{{- with first $.Values.app.ports }}
    ports:
      - port: {{ $port.port }}
        targetPort: {{ .name | default (int .containerPort) }}
{{- else }}
    enabled: false
{{- end }}{{ "\f" }}
{{- end }}
{{- end }}
{{- range $field := list "loadBalancerClass" "loadBalancerSourceRanges" }}
{{- if and (get $service $field) (ne $service.type "LoadBalancer") }}
app.service.{{ $field }} is set, but app.service.type is {{ $service.type }}. Write:{{ include "log-sidecar.write" (dict "path" "app.service.type" "value" "LoadBalancer") }}{{ "\f" }}
{{- end }}
{{- end }}
{{- if and $service.externalTrafficPolicy (eq $service.type "ClusterIP") }}
app.service.externalTrafficPolicy is set, but app.service.type is ClusterIP. Write:{{ include "log-sidecar.write" (dict "path" "app.service.externalTrafficPolicy" "value" "\"\"") }}{{ "\f" }}
{{- end }}
{{- end }}
{{- end -}}
