{{/* Checks that relate several values. Each returns messages (problem, place, YAML to write), which are reported together. */}}
{{- define "fluent-bit-windows.validate" -}}
{{- include "fluent-bit-windows.runChecks" (dict "root" . "checks" (list "Fullname" "PodMonitor" "Identity" "Builds" "Images" "Mode" "Proxy" "KubeletMetadata" "ReadNamespaces" "Legacy" "Redaction" "Logs" "Duplicates" "Filters" "Workloads")) -}}
{{- end -}}

{{- define "fluent-bit-windows.checkBuilds" -}}
{{- $seen := list -}}
{{- range $index, $build := .Values.windows.builds }}
{{- include "fluent-bit-windows.reject" (list (has .name $seen)
  (printf "`windows.builds[%d]` repeats %q: two agents on a node would deliver every line twice. Set each build once." $index .name)
  "windows.builds" (list (dict "name" .name))) }}
{{- $seen = append $seen .name }}
{{- end }}
{{- end -}}

{{- define "fluent-bit-windows.checkImages" -}}
{{- $builds := .Values.windows.builds -}}
{{- $legacy := include "fluent-bit-windows.isLegacy" . -}}
{{- $image := ternary .Values.legacy.image .Values.image (ne $legacy "") -}}
{{- $digests := list -}}
{{- range $builds }}{{ $digests = append $digests (dict "name" .name "digest" "sha256:...") }}{{ end -}}
{{- include "fluent-bit-windows.reject" (list (and $image.digest (eq .Values.mode "container") (gt (len $builds) 1))
  (printf "`%s.digest` is set, but each of the %d Windows builds has its own image." (ternary "legacy.image" "image" (ne $legacy "")) (len $builds))
  "windows.builds" $digests) }}
{{- /* Host processes run only the image of the first build. */}}
{{- range $index, $build := ternary (list (first $builds)) $builds (eq .Values.mode "hostProcess") }}
{{- $default := not (or .tag .digest $image.digest) }}
{{- include "fluent-bit-windows.reject" (list (and $default (not $legacy) (eq .name "2019"))
  (printf "`windows.builds[%d]` is 2019, for which Fluent Bit publishes no image. Run the image of another build, listed first, as a host process; use AWS's image with Fluent Bit 1.9.10; or set the tag of your own image." $index)
  "mode" "hostProcess" "profile" "aws-legacy" "windows.builds" (list (dict "name" "2019" "tag" "..."))) }}
{{- include "fluent-bit-windows.reject" (list (and $default $legacy (eq .name "2025"))
  (printf "`windows.builds[%d]` is 2025, for which AWS publishes no image of Fluent Bit." $index) "profile" "upstream") }}
{{- end }}
{{- if not $legacy }}{{ include "fluent-bit-windows.checkFluentBitVersion" (dict "path" "image" "image" .Values.image) }}{{ end }}
{{- end -}}

{{- define "fluent-bit-windows.checkMode" -}}
{{- $logs := .Values.logs -}}
{{- $container := eq .Values.mode "container" -}}
{{- include "fluent-bit-windows.reject" (list (and $container $logs.host.enabled)
  "`logs.host` is enabled, but a container has its own, empty event log." "mode" "hostProcess") }}
{{- include "fluent-bit-windows.reject" (list (and $container $logs.dataplane.enabled $logs.dataplane.channels)
  "`logs.dataplane.channels` is set, but a container has its own, empty event log." "mode" "hostProcess" "logs.dataplane.channels" list) }}
{{- include "fluent-bit-windows.reject" (list (and $container (eq $logs.metadata.from "kubelet"))
  "`logs.metadata.from` is kubelet, but a container cannot reach the address of the node on which the kubelet listens."
  "mode" "hostProcess" "logs.metadata.from" "api") }}
{{- end -}}

{{- define "fluent-bit-windows.checkProxy" -}}
{{- include "fluent-bit-windows.checkEgress" . -}}
{{- include "fluent-bit-windows.checkProxyVariables" (dict "path" "extraEnv" "env" .Values.extraEnv) -}}
{{- end -}}

{{- define "fluent-bit-windows.checkIdentity" -}}
{{- $type := .Values.identity.type -}}
{{- $given := dict "path" "serviceAccount" "account" .Values.serviceAccount "type" $type -}}
{{- if and .Values.rbac.create (include "fluent-bit-windows.needsToken" .) }}{{ include "fluent-bit-windows.checkDefaultAccount" $given }}{{ end }}
{{- include "fluent-bit-windows.checkRole" $given }}
{{- include "fluent-bit-windows.checkIssuerRegion" .Values.cluster }}
{{- range include "fluent-bit-windows.outputs" . | fromJsonArray }}{{ include "fluent-bit-windows.checkOutputRole" (merge (dict "output" .) $given) }}{{ end }}
{{- $pod := ternary ", and a host process is not in the pod network" "" (eq .Values.mode "hostProcess") }}
{{- include "fluent-bit-windows.reject" (list (and (eq $type "podIdentity") (not .Values.identity.allowPodIdentity))
  (printf "`identity.type` is podIdentity, which AWS documents for Linux nodes only%s. Use IRSA, or allow EKS Pod Identity if your nodes support it." $pod)
  "identity.type" "irsa" "identity" (dict "type" "podIdentity" "allowPodIdentity" true)) }}
{{- end -}}

{{/* Features that Fluent Bit 1.9.10 lacks; checkOutputs checks those of outputs. */}}
{{- define "fluent-bit-windows.checkLegacy" -}}
{{- if include "fluent-bit-windows.isLegacy" . }}
{{- include "fluent-bit-windows.reject" (list (ne .Values.logs.host.eventQuery "*")
  "`logs.host.eventQuery` is set, but Fluent Bit 1.9.10 cannot select events." "profile" "upstream") }}
{{- include "fluent-bit-windows.reject" (list (or .Values.logs.extraFilters .Values.logs.extraProcessors .Values.logs.extraParsers .Values.logs.extraMultilineParsers)
  "`logs.extraFilters`, `logs.extraProcessors`, `logs.extraParsers` or `logs.extraMultilineParsers` is in Fluent Bit's YAML format, but Fluent Bit 1.9.10 reads only the classic format." "profile" "upstream") }}
{{- include "fluent-bit-windows.reject" (list (include "fluent-bit-windows.redacts" .)
  "`redaction` has rules, but the chart does not support them with Fluent Bit 1.9.10." "profile" "upstream") }}
{{- end }}
{{- end -}}

{{- define "fluent-bit-windows.checkLogs" -}}
{{- $logs := .Values.logs -}}
{{- $pipelines := include "fluent-bit-windows.pipelines" . | fromJsonArray -}}
{{- $unlined := list -}}
{{- range include "fluent-bit-windows.eventSources" . | fromJsonArray }}{{ $unlined = append $unlined (splitList "." .tag | first) }}{{ end -}}
{{- include "fluent-bit-windows.checkAgentOutputs" (dict "root" . "sources" $pipelines "unlined" $unlined "names" (include "fluent-bit-windows.names" . | fromJson) "legacy" (include "fluent-bit-windows.isLegacy" .)) }}
{{- include "fluent-bit-windows.checkMetadataFields" (dict "root" . "sources" (list "application")) }}
{{- include "fluent-bit-windows.reject" (list (not $pipelines)
  "No pipeline of `logs` is enabled, so the agent would read nothing." "logs.application.enabled" true) }}
{{- include "fluent-bit-windows.reject" (list (and $logs.dataplane.enabled (not $logs.dataplane.directories) (not $logs.dataplane.channels))
  "`logs.dataplane` is enabled, but has neither directories nor channels." "logs.dataplane.enabled" false) }}
{{- $namespaces := $logs.application.namespaces }}
{{- range $output := include "fluent-bit-windows.outputs" . | fromJsonArray }}
{{- range $option := list "logGroupTemplate" "logStreamTemplate" }}
{{- $template := get $output $option | default "" }}
{{- include "fluent-bit-windows.reject" (list (and (eq $logs.metadata.from "tag") (regexMatch "\\['(labels|annotations|host|container_image|pod_ip)'\\]" $template))
  (printf "`outputs.%s.%s` is %q, but with `logs.metadata.from: tag` records have only names and IDs." $output.name $option $template)
  "logs.metadata.from" "api") }}
{{- end }}
{{- range dig "match" "namespaces" "include" list $output }}
{{- $excluded := ne "" (include "fluent-bit-windows.matchesGlob" (dict "name" . "globs" $namespaces.exclude)) }}
{{- include "fluent-bit-windows.reject" (list (and (not (contains "*" .)) (or $excluded (and $namespaces.include (not (include "fluent-bit-windows.matchesGlob" (dict "name" . "globs" $namespaces.include))))))
  (printf "`outputs.%s.match` includes namespace %s, but `logs.application.namespaces` skips it." $output.name .)
  (printf "logs.application.namespaces.%s" (ternary "exclude" "include" $excluded)) (ternary (without $namespaces.exclude .) (append $namespaces.include .) $excluded)) }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Records that two inputs would read. */}}
{{- define "fluent-bit-windows.checkDuplicates" -}}
{{- $logs := .Values.logs -}}
{{- if $logs.dataplane.enabled }}
{{- range $logs.dataplane.channels }}
{{- include "fluent-bit-windows.reject" (list (and $logs.host.enabled (has . $logs.host.channels))
  (printf "`logs.host.channels` and `logs.dataplane.channels` both have %q, so its events would be delivered and billed twice." .)
  "logs.dataplane.channels" (without $logs.dataplane.channels .)) }}
{{- end }}
{{- $seen := list }}
{{- range $directory := $logs.dataplane.directories }}
{{- $lower := lower . }}
{{- include "fluent-bit-windows.reject" (list (has $lower $seen)
  (printf "`logs.dataplane.directories` has %s twice, so its lines would be delivered and billed twice. Remove one of them." .)) }}
{{- range list "c:\\var\\log\\containers" "c:\\var\\log\\pods" "c:\\programdata\\docker\\containers" }}
{{- include "fluent-bit-windows.reject" (list (hasPrefix . $lower)
  (printf "`logs.dataplane.directories` has %s, which `logs.application` reads, so its lines would be delivered and billed twice." $directory)
  "logs.dataplane.directories" (without $logs.dataplane.directories $directory)) }}
{{- end }}
{{- $seen = append $seen $lower }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "fluent-bit-windows.checkFilters" -}}
{{- $logs := .Values.logs -}}
{{- $formats := list (dict "path" "logs.application.multiline" "formats" $logs.application.multiline) -}}
{{- include "fluent-bit-windows.checkMultiline" (dict "path" "logs.extraMultilineParsers" "own" $logs.extraMultilineParsers "used" $formats) -}}
{{- include "fluent-bit-windows.checkAgentFilters" (dict "path" "logs" "settings" $logs "parsers" (list "event-time") "multiline" (list "logs.application.multiline" (list "java"))) -}}
{{- end -}}

{{- define "fluent-bit-windows.checkPodMonitor" -}}
{{- include "fluent-bit-windows.reject" (list (and .Values.podMonitor.enabled (include "fluent-bit-windows.httpFromConfigMap" .))
  "`podMonitor.enabled` is true, but a ConfigMap sets the port of Fluent Bit, so the PodMonitor cannot name it." "podMonitor.enabled" false) }}
{{- end -}}
