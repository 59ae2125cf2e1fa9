{{/* Checks of outputs and their buffers; messages as in _validations.tpl. */}}

{{- define "log-sidecar.checkOutput" -}}
{{- $sidecar := .Values.sidecar -}}
{{- if and $sidecar.enabled (eq $sidecar.engine "tail") }}
{{- include "log-sidecar.checkTailOutputs" . }}
{{- else if and $sidecar.enabled (include "log-sidecar.engineKeepsState" .) }}
{{- $outputs := include "log-sidecar.activeOutputs" . | fromJsonArray }}
{{- $files := list }}
{{- range .Values.logs.files }}{{ $files = append $files .name }}{{ end }}
{{- include "log-sidecar.checkOutputSettings" (dict "root" . "outputs" $outputs) }}
{{- range $output := $outputs }}
{{- range dig "match" "files" list . }}
{{- include "log-sidecar.reject" (list (not (has . $files))
  (printf "`outputs.%s.match.files` contains %q, but `logs.files` has no file with that name. Write for example:" $output.name .)
  (printf "outputs.%s.match.files" $output.name) $files) }}
{{- end }}
{{- end }}
{{- include "log-sidecar.checkOutputMatches" (dict "outputs" $outputs "by" "files" "sources" $files "namespaced" list) }}
{{- if include "log-sidecar.hasBackend" (dict "outputs" $outputs) }}{{ include "log-sidecar.checkBackends" . }}{{ end }}
{{- end }}
{{- end -}}

{{- define "log-sidecar.checkProxy" -}}
{{- include "log-sidecar.checkEgress" . -}}
{{- if .Values.sidecar.enabled }}{{ include "log-sidecar.checkEnvironment" (dict "root" . "path" "sidecar.extraEnv") }}{{ end -}}
{{- end -}}

{{/* A message about a proxy in the environment of a sidecar that sends to AWS: dict "root" $ "path" <of the variables>. */}}
{{- define "log-sidecar.checkEnvironment" -}}
{{- $signs := false -}}
{{- range include "log-sidecar.activeOutputs" .root | fromJsonArray }}{{ if .signs }}{{ $signs = true }}{{ end }}{{ end -}}
{{- if $signs }}{{ include "log-sidecar.checkProxyVariables" (dict "path" .path "env" .root.Values.sidecar.extraEnv) }}{{ end -}}
{{- end -}}

{{/* The tail engine writes every line of every file to stdout. */}}
{{- define "log-sidecar.checkTailOutputs" -}}
{{- range $name, $output := .Values.outputs }}
{{- $enabled := dig "enabled" true . }}
{{- $path := printf "outputs.%s" $name }}
{{- include "log-sidecar.reject" (list (and $enabled (ne .type "stdout")) (printf "`%s.type` is %s, but the tail engine writes only to stdout." $path .type)
  "sidecar.engine" "fluent-bit" (printf "%s.enabled" $path) false) }}
{{- include "log-sidecar.reject" (list (and $enabled (eq .type "stdout") (dig "match" "files" list .))
  (printf "`%s.match.files` is set, but the tail engine writes every file to stdout." $path)
  "sidecar.engine" "fluent-bit" (printf "%s.match.files" $path) list) }}
{{- end }}
{{- end -}}

{{/* Checks of related settings of one output: dict "root" $ "outputs" <list>. */}}
{{- define "log-sidecar.checkOutputSettings" -}}
{{- $names := include "log-sidecar.outputNames" (dict "root" .root "sidecar" (dict "container" "app" "files" list)) | fromJson -}}
{{- include "log-sidecar.checkOutputs" (dict "root" .root "outputs" .outputs "types" (include "log-sidecar.outputTypes" .root | fromJson) "names" $names "aws" .root.Values.aws "files" true "irsa" (empty .root.Values.serviceAccount.roleArn | ternary list (list "serviceAccount.roleArn" ""))) }}
{{- range .outputs }}
{{- include "log-sidecar.checkOutputRole" (dict "output" . "path" "serviceAccount" "account" $.root.Values.serviceAccount) }}
{{- include "log-sidecar.reject" (list (and (dig "url" "" .) (dig "host" "" .))
  (printf "`outputs.%s` sets both host and url, but the URL already contains the host. Remove `host`, or write:" .name)
  (printf "outputs.%s.url" .name) nil) }}
{{- end }}
{{- end -}}

{{/* Buffered records have to fit on the volume, and their delivery within the termination grace period. */}}
{{- define "log-sidecar.checkBackends" -}}
{{- $sidecar := .Values.sidecar -}}
{{- $evicts := and (ne .Values.logs.volume.type "persistentVolumeClaim") (printf "`sidecar.state.sizeLimit` (%s)" $sidecar.state.sizeLimit) -}}
{{- /* Reserve for open chunks and file positions. */ -}}
{{- $needed := 64000000 -}}
{{- $limits := list -}}
{{- $sidecars := include "log-sidecar.listSidecars" (dict "root" .) | fromJsonArray -}}
{{- range $sidecars }}
{{- range include "log-sidecar.sidecarOutputs" (dict "root" $ "sidecar" .) | fromJsonArray }}
{{- if ne .type "stdout" }}
{{- $path := printf "outputs.%s.storage.totalLimitSize" .name }}
{{- $needed = add $needed (include "log-sidecar.agentBytes" (.storage.totalLimitSize | default "0") | int64) }}
{{- $limits = append $limits (printf "`%s` is %s" $path (.storage.totalLimitSize | default "empty")) }}
{{- include "log-sidecar.reject" (list (and $evicts (not .storage.totalLimitSize))
  (printf "`%s` is empty, but Kubernetes evicts the pod when the buffered records exceed %s." $path $evicts) $path "128M") }}
{{- end }}
{{- end }}
{{- end }}
{{- $each := ternary (printf ", for each of %d sidecars" (len $sidecars)) "" (gt (len $sidecars) 1) }}
{{- include "log-sidecar.reject" (list (and $evicts (gt $needed (include "log-sidecar.quantityBytes" $sidecar.state.sizeLimit | int64)))
  (printf "%s%s, but Kubernetes evicts the pod when the volume of the buffers exceeds %v." (uniq $limits | join ", ") $each $evicts)
  "sidecar.state.sizeLimit" (printf "%dMi" (ceil (divf $needed 1048576) | int64))) }}
{{- $seconds := add 1 (ceil $sidecar.drainSeconds | int) (int $sidecar.grace) (ternary 0 (int $sidecar.quietSeconds) $sidecar.native) }}
{{- include "log-sidecar.reject" (list (gt $seconds (int .Values.terminationGracePeriodSeconds))
  (printf "`sidecar.grace` (%v) and `sidecar.drainSeconds` (%v) do not fit within `terminationGracePeriodSeconds` (%v)." $sidecar.grace $sidecar.drainSeconds .Values.terminationGracePeriodSeconds)
  "terminationGracePeriodSeconds" $seconds) }}
{{- range $key := list "log" "file" "path" "offset" "namespace" "pod" "container" "node" "time" "@timestamp" }}
{{- include "log-sidecar.reject" (list (hasKey $.Values.logs.labels .) (printf "`logs.labels` sets the field %q, which every record already has. Write a different name:" .)
  "logs.labels" (dict (printf "app-%s" (trimPrefix "@" .)) (get $.Values.logs.labels .))) }}
{{- end }}
{{- end -}}
