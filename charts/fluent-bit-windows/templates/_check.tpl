{{/*
The check of the agent before it changes, as in observability-stack: a Job starts Fluent Bit with its new configuration on a node of the
first build, without the files of the node and a token. It is a container, also for host processes, which would read the node's logs.
*/}}
{{- define "fluent-bit-windows.checks" -}}
{{- $logs := .Values.logs -}}
{{- $written := list $logs.extraFilters $logs.extraProcessors $logs.extraParsers $logs.extraMultilineParsers -}}
{{- range include "fluent-bit-windows.outputs" . | fromJsonArray }}{{ if eq .type "custom" }}{{ $written = append $written .name }}{{ end }}{{ end -}}
{{- if and $logs.checkConfig (compact $written) (not (include "fluent-bit-windows.isLegacy" .)) }}true{{ end -}}
{{- end -}}

{{- define "fluent-bit-windows.checkName" -}}
{{- include "fluent-bit-windows.fullname" . | trunc 57 | trimSuffix "-" }}-check
{{- end -}}

{{/* Metadata of the Job and its ConfigMap: dict "root" $ "weight" <order of the hooks>. */}}
{{- define "fluent-bit-windows.checkMetadata" -}}
{{- $hook := dict "helm.sh/hook" "pre-install,pre-upgrade" "helm.sh/hook-weight" .weight "helm.sh/hook-delete-policy" "before-hook-creation,hook-succeeded" -}}
{{- include "fluent-bit-windows.metadata" (dict "root" .root "component" "check" "name" (include "fluent-bit-windows.checkName" .root) "annotations" $hook) -}}
{{- end -}}

{{/* The configuration, with a first record that ends the agent, as YAML. */}}
{{- define "fluent-bit-windows.checkConfig" -}}
{{- $stop := dict "name" "lua" "call" "stop" "code" "function stop() os.exit(0) end" -}}
{{- $config := include "fluent-bit-windows.config" . | fromJson -}}
{{- $input := dict "name" "dummy" "alias" "_check" "tag" "_check" "samples" 1 "processors" (dict "logs" (list $stop)) -}}
{{- $_ := set $config.pipeline "inputs" (append $config.pipeline.inputs $input) -}}
{{- toYaml $config -}}
{{- end -}}

{{/* The specification of its pod, as JSON. */}}
{{- define "fluent-bit-windows.checkSpec" -}}
{{- $set := include "fluent-bit-windows.daemonSets" . | fromJsonArray | first -}}
{{- $spec := (include "fluent-bit-windows.podTemplate" (dict "root" . "set" $set) | fromJson).spec -}}
{{- $volumes := list -}}
{{- range $volume := $spec.volumes -}}
{{- if hasKey . "hostPath" }}{{ $volume = dict "name" .name "emptyDir" (dict "sizeLimit" "64Mi") }}{{ end -}}
{{- if eq .name "config" }}{{ $volume = dict "name" "config" "configMap" (dict "name" (include "fluent-bit-windows.checkName" $)) }}{{ end -}}
{{- $volumes = append $volumes $volume -}}
{{- end -}}
{{- $container := omit (first $spec.containers) "livenessProbe" "ports" "readinessProbe" "startupProbe" -}}
{{- /* In a container, the volumes of a host process are at the root of its drive. */ -}}
{{- $env := append $container.env (dict "name" "CONTAINER_SANDBOX_MOUNT_POINT" "value" "C:") -}}
{{- $container = mergeOverwrite $container (dict "name" "check" "env" $env "command" (list "C:\\fluent-bit\\bin\\fluent-bit.exe") "args" (list "--config" "C:\\fluent-bit-config\\check.yaml")) -}}
{{- $own := dict "automountServiceAccountToken" false "containers" (list $container) "restartPolicy" "Never" "volumes" $volumes
  "nodeSelector" (include "fluent-bit-windows.nodeSelector" (dict "root" . "build" $set.build.name) | fromYaml) -}}
{{- with .Values.podSecurityContext }}{{ $_ := set $own "securityContext" . }}{{ end -}}
{{- merge $own (pick $spec "imagePullSecrets" "os" "tolerations") | toJson -}}
{{- end -}}
