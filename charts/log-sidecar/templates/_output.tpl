{{/*
Outputs of the sidecar and of the demo (`outputs` of the values). The agent reads credentials from environment variables, which
its configuration refers to as `${NAME}`.
*/}}

{{/*
The outputs in use, with the defaults of their types: all that are enabled, or the one to which the demo sends its logs. Argument:
the root; returns a JSON list, empty for engines without outputs.
*/}}
{{- define "log-sidecar.activeOutputs" -}}
{{- $direct := include "log-sidecar.demoShips" . -}}
{{- $any := and (not $direct) (include "log-sidecar.engineKeepsState" .) -}}
{{- $active := list -}}
{{- range include "log-sidecar.outputs" . | fromJsonArray -}}
{{- if or $any (and $direct (eq .name $.Values.app.demo.logTo)) }}{{ $active = append $active . }}{{ end -}}
{{- end -}}
{{- $active | toJson -}}
{{- end -}}

{{/* The outputs of a list that receive any of some files: dict "outputs" <list> "files" <of the values>; returns a JSON list. */}}
{{- define "log-sidecar.receivers" -}}
{{- $found := list -}}
{{- range $output := .outputs -}}
{{- $scope := dict "output" $output "by" "files" -}}
{{- range $.files }}{{ if include "log-sidecar.outputReceives" (merge (dict "source" .name) $scope) }}{{ $found = append $found $output }}{{ end }}{{ end -}}
{{- end -}}
{{- $found | uniq | toJson -}}
{{- end -}}

{{/* The outputs that receive files of one sidecar: dict "root" $ "sidecar" <map>; returns a JSON list. */}}
{{- define "log-sidecar.sidecarOutputs" -}}
{{- include "log-sidecar.receivers" (dict "outputs" (include "log-sidecar.activeOutputs" .root | fromJsonArray) "files" .sidecar.files) -}}
{{- end -}}

{{/* Whether one of some outputs is a backend, not stdout: dict "outputs" <list>. */}}
{{- define "log-sidecar.hasBackend" -}}
{{- range .outputs }}{{ if ne .type "stdout" }}true{{ end }}{{ end -}}
{{- end -}}

{{/* How long Fluent Bit may deliver records after the drain, in seconds. Argument: the root. */}}
{{- define "log-sidecar.grace" -}}
{{- $backend := include "log-sidecar.hasBackend" (dict "outputs" (include "log-sidecar.activeOutputs" . | fromJsonArray)) -}}
{{- empty $backend | ternary 3 (int .Values.sidecar.grace) -}}
{{- end -}}

{{/* Bytes of a size of Fluent Bit ("128M"). */}}
{{- define "log-sidecar.agentBytes" -}}
{{- $factors := dict "k" 1000 "K" 1000 "M" 1000000 "G" 1000000000 -}}
{{- mul (regexFind "^[0-9]+" . | int64) (get $factors (regexFind "[kKMG]$" .) | default 1 | int64) -}}
{{- end -}}

{{/* Bytes of a quantity of Kubernetes ("256Mi"). */}}
{{- define "log-sidecar.quantityBytes" -}}
{{- $factors := dict "k" 1e3 "M" 1e6 "G" 1e9 "T" 1e12 "P" 1e15 "E" 1e18 "m" 0.001
  "Ki" 1024.0 "Mi" 1048576.0 "Gi" 1073741824.0 "Ti" 1099511627776.0 "Pi" 1125899906842624.0 "Ei" 1152921504606846976.0 -}}
{{- mulf (regexFind "^[0-9.]+" . | float64) (get $factors (regexFind "[A-Za-z]+$" .) | default 1.0) | printf "%.0f" -}}
{{- end -}}

{{/*
The container that writes the lines: the one that the caller names, or the application's. Empty if the caller sets `paths`, to
which several containers can write.
*/}}
{{- define "log-sidecar.outputContainer" -}}
{{- $foreign := false -}}
{{- range .sidecar.files }}{{ if hasKey . "paths" }}{{ $foreign = true }}{{ end }}{{ end -}}
{{- .sidecar.container | default (ternary "" .root.Values.app.name $foreign) -}}
{{- end -}}

{{/* The replacements of placeholders in the values of outputs: dict "root" $ "sidecar" <map>; returns JSON. */}}
{{- define "log-sidecar.outputNames" -}}
{{- dict
  "container" (include "log-sidecar.outputContainer" . | default "all")
  "namespace" "${OUTPUT_NAMESPACE}"
  "node" "${OUTPUT_NODE}"
  "pod" "${OUTPUT_POD}"
  "region" "${AWS_REGION}"
| toJson -}}
{{- end -}}

{{/* Fields that every record has besides its file and offset: dict "root" $ "sidecar" <map>; returns JSON. */}}
{{- define "log-sidecar.outputFields" -}}
{{- $fields := dict "namespace" "${OUTPUT_NAMESPACE}" "node" "${OUTPUT_NODE}" "pod" "${OUTPUT_POD}" -}}
{{- with include "log-sidecar.outputContainer" . }}{{ $_ := set $fields "container" . }}{{ end -}}
{{- mergeOverwrite (dict) .root.Values.logs.labels $fields | toJson -}}
{{- end -}}

{{/* The environment that backends need, the pod's names and credentials: a list of outputs; returns a YAML list. */}}
{{- define "log-sidecar.backendEnv" -}}
{{- if include "log-sidecar.hasBackend" (dict "outputs" .) -}}
{{- range $name, $path := dict "NAMESPACE" "metadata.namespace" "NODE" "spec.nodeName" "POD" "metadata.name" }}
- name: OUTPUT_{{ $name }}
  valueFrom:
    fieldRef: {apiVersion: v1, fieldPath: {{ $path }}}
{{- end }}
{{ include "log-sidecar.outputEnv" . }}
{{- end -}}
{{- end -}}

{{/* File with the CA certificates of `caBundle`, or nothing. Argument: the root. */}}
{{- define "log-sidecar.caBundleFile" -}}
{{- if include "log-sidecar.caBundle" . | fromJsonArray }}/etc/ca-bundle/ca.crt{{ end -}}
{{- end -}}

{{/*
Outputs with CA certificates, each with the prefix of its volume and the directory of its mount, as a JSON list: dict "root" $
"outputs" <list> "volumes" <as for log-sidecar.volumeName>.
*/}}
{{- define "log-sidecar.certificates" -}}
{{- $prefix := dig "ca" "output-ca" (.volumes | default dict) -}}
{{- $bundle := include "log-sidecar.hasBackend" . | empty | ternary list (include "log-sidecar.caBundle" .root | fromJsonArray) -}}
{{- list
  (dict "outputs" $bundle "prefix" $prefix "directory" "/etc/ca-bundle")
  (dict "outputs" .outputs "prefix" (printf "%s-" $prefix) "directory" "/etc/log-sidecar-ca")
| toJson -}}
{{- end -}}

{{/* The volumes with CA certificates: dict "root" $ "volumes" <as for log-sidecar.volumeName>; returns a YAML list, or nothing. */}}
{{- define "log-sidecar.caVolumes" -}}
{{- $volumes := list -}}
{{- $outputs := include "log-sidecar.activeOutputs" .root | fromJsonArray -}}
{{- range include "log-sidecar.certificates" (merge (dict "outputs" $outputs) .) | fromJsonArray }}{{ $volumes = include "log-sidecar.outputVolumes" . | fromYamlArray | concat $volumes }}{{ end -}}
{{- with $volumes }}{{ toYaml . }}{{ end -}}
{{- end -}}

{{/* The mounts of these volumes: dict "root" $ "outputs" <list> "volumes" <as above>; returns a YAML list, or nothing. */}}
{{- define "log-sidecar.caMounts" -}}
{{- $mounts := list -}}
{{- range include "log-sidecar.certificates" . | fromJsonArray }}{{ $mounts = include "log-sidecar.outputMounts" . | fromYamlArray | concat $mounts }}{{ end -}}
{{- with $mounts }}{{ toYaml . }}{{ end -}}
{{- end -}}

{{/*
The processor of stdout that puts multiline records on one line, for files that a backend also receives; returns nothing if there
are none. dict "root" $ "sidecar" <map> "outputs" <list> "output" <of stdout>.
*/}}
{{- define "log-sidecar.stdoutProcessor" -}}
{{- $tags := dict -}}
{{- range .sidecar.files -}}
{{- $receivers := include "log-sidecar.receivers" (dict "outputs" $.outputs "files" (list .)) | fromJsonArray -}}
{{- if and .multiline (has $.output $receivers) (include "log-sidecar.hasBackend" (dict "outputs" $receivers)) }}{{ $_ := set $tags .name true }}{{ end -}}
{{- end -}}
{{- if $tags -}}
{{- $keys := "" -}}
{{- range $tag, $_ := $tags }}{{ $keys = printf "%s[%s] = true, " $keys (toJson $tag) }}{{ end -}}
{{- $code := .root.Files.Get "files/sidecar/one-line-of-stdout.lua" | replace "{tags}" $keys | replace "{separator}" (toJson .root.Values.logs.multilineSeparator) | trim -}}
{{- dict "name" "lua" "call" "one_line" "code" $code | toYaml -}}
{{- end -}}
{{- end -}}

{{/*
The outputs of a sidecar as sections of Fluent Bit: dict "root" $ "sidecar" <map> "outputs" <list>; returns a JSON list. Even
with one worker, large and retried chunks can overtake others: `offset` gives the position of a record.
*/}}
{{- define "log-sidecar.fluentBitOutputs" -}}
{{- $scope := dict
  "types" (include "log-sidecar.outputTypes" .root | fromJson)
  "names" (include "log-sidecar.outputNames" . | fromJson)
  "aws" .root.Values.aws
  "caDirectory" "/etc/log-sidecar-ca"
  "trust" (include "log-sidecar.trust" (dict "root" .root "file" (include "log-sidecar.caBundleFile" .root)) | fromJson)
-}}
{{- $sections := list -}}
{{- range .outputs -}}
{{- $section := dict -}}
{{- if eq .type "stdout" -}}
{{- $section = dict
  "name" "file"
  "file" "/dev/stdout"
  "format" "template"
  "template" (ternary "{file}: {log}" "{log}" $.root.Values.sidecar.fileLabel)
  "retry_limit" (kindIs "float64" .retryLimit | ternary (int .retryLimit) .retryLimit)
-}}
{{- with include "log-sidecar.stdoutProcessor" (merge (dict "output" .) $) }}{{ $_ := set $section "processors" (dict "logs" (list (fromYaml .))) }}{{ end -}}
{{- else -}}
{{- $storeDir := printf "%s/s3-%s" (include "log-sidecar.stateDir" $.sidecar) .name -}}
{{- $section = include "log-sidecar.fluentBitOutput" (merge (dict "output" . "storeDir" $storeDir) $scope) | fromJson -}}
{{- end -}}
{{- $files := dig "match" "files" list . -}}
{{- $match := dict "match" (first $files | default "*") -}}
{{- if gt (len $files) 1 }}{{ $match = dict "match_regex" (printf "^(?:%s)$" (join "|" $files)) }}{{ end -}}
{{- $sections = append $sections (merge (dict "alias" (include "log-sidecar.outputAlias" .)) $match $section) -}}
{{- end -}}
{{- $sections | toJson -}}
{{- end -}}
