{{/* Rules that relate several values. A check returns messages, which are reported together. */}}
{{- define "fluent-bit-windows.validate" -}}
{{- include "fluent-bit-windows.refuse" (dict "root" . "checks" (list "Fullname" "Account" "Builds" "Images" "Mode" "Identity" "Metadata" "Legacy" "Logs" "Duplicates" "Filters" "OutputValues" "Workloads")) -}}
{{- end -}}

{{- define "fluent-bit-windows.checkAccount" -}}
{{- if and .Values.rbac.create (include "fluent-bit-windows.needsToken" .) -}}
{{- include "fluent-bit-windows.refuseDefaultAccount" (dict "path" "serviceAccount" "account" .Values.serviceAccount) -}}
{{- end -}}
{{- end -}}

{{- define "fluent-bit-windows.checkBuilds" -}}
{{- $seen := list -}}
{{- range $index, $build := .Values.windows.builds }}
{{- if has $build.name $seen }}
windows.builds[{{ $index }}] is {{ $build.name | quote }} again: two agents on a node would deliver every line twice. Write it once:
windows:
  builds:
    - name: {{ $build.name | quote }}{{ "\f" }}
{{- end }}
{{- $seen = append $seen $build.name }}
{{- end }}
{{- end -}}

{{- define "fluent-bit-windows.checkImages" -}}
{{- $builds := .Values.windows.builds -}}
{{- $legacy := include "fluent-bit-windows.isLegacy" . -}}
{{- $image := ternary .Values.legacy.image .Values.image (ne $legacy "") -}}
{{- if and $image.digest (eq .Values.mode "container") (gt (len $builds) 1) }}
{{ ternary "legacy.image" "image" (ne $legacy "") }}.digest is set, but each of the {{ len $builds }} builds has an image of its own. Set a digest for each build:
windows:
  builds:
{{- range $builds }}
    - name: {{ .name | quote }}
      digest: sha256:...
{{- end }}{{ "\f" }}
{{- end }}
{{- /* Host processes run the image of the first build only. */}}
{{- range $index, $build := ternary (list (first $builds)) $builds (eq .Values.mode "hostProcess") }}
{{- $own := or $build.tag $build.digest $image.digest }}
{{- if not (or $own $legacy (ne $build.name "2019")) }}
windows.builds[{{ $index }}] is "2019", for which Fluent Bit has published no image since 5.0. Write one of:
mode: hostProcess        # with another build first: a host process runs any build's image
profile: aws-legacy      # Fluent Bit 1.9.10
windows:
  builds:
    - name: "2019"
      tag: ...           # of your own image{{ "\f" }}
{{- end }}
{{- if and $legacy (eq $build.name "2025") (not $own) }}
windows.builds[{{ $index }}] is "2025", for which AWS publishes no image. Write:
profile: upstream{{ "\f" }}
{{- end }}
{{- end }}
{{- $version := .Values.image.tag }}
{{- if and (not $legacy) (regexMatch "^v?[0-9]+\\.[0-9]+\\.[0-9]+$" $version) }}
{{- if semverCompare "<5.1.1" $version }}
image.tag is {{ $version }}, but Fluent Bit before 5.1.1 has known vulnerabilities or is no longer supported. Write:
image:
  tag: 5.1.1{{ "\f" }}
{{- end }}
{{- end }}
{{- end -}}

{{/* A container has its own event log, and its network is not the node's. */}}
{{- define "fluent-bit-windows.checkMode" -}}
{{- $logs := .Values.logs -}}
{{- if eq .Values.mode "container" }}
{{- if $logs.host.enabled }}
logs.host is enabled, but a container has its own, empty event log. Write:
mode: hostProcess{{ "\f" }}
{{- end }}
{{- if and $logs.dataplane.enabled $logs.dataplane.channels }}
logs.dataplane.channels is set, but a container has its own, empty event log. Write one of:
mode: hostProcess
logs:
  dataplane:
    channels: []{{ "\f" }}
{{- end }}
{{- if eq $logs.metadata.from "kubelet" }}
logs.metadata.from is kubelet, but the kubelet listens on the node's own address, which a container cannot reach. Write one of:
mode: hostProcess
logs:
  metadata:
    from: api{{ "\f" }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "fluent-bit-windows.checkIdentity" -}}
{{- $type := .Values.identity.type -}}
{{- $account := .Values.serviceAccount -}}
{{- if and (eq $type "podIdentity") (not .Values.identity.allowPodIdentity) }}
identity.type is podIdentity, which AWS documents for Linux nodes only{{ if eq .Values.mode "hostProcess" }}, and a host process is not in the pod network{{ end }}. Write one of:
identity:
  type: irsa
serviceAccount:
  roleArn: arn:aws:iam::111122223333:role/fluent-bit-windows
identity:
  type: podIdentity
  allowPodIdentity: true   # if your nodes support it{{ "\f" }}
{{- end }}
{{- if and $account.roleArn (ne $type "irsa") }}
serviceAccount.roleArn is set, but identity.type is {{ $type }}, which does not use it. Write:
identity:
  type: irsa{{ "\f" }}
{{- end }}
{{- if and $account.roleArn (not $account.create) }}
serviceAccount.roleArn is set, but serviceAccount.create is false. Annotate your own service account, or write:
serviceAccount:
  create: true{{ "\f" }}
{{- end }}
{{- $annotated := get $account.annotations "eks.amazonaws.com/role-arn" }}
{{- if and $account.roleArn $annotated (ne $account.roleArn $annotated) }}
serviceAccount.roleArn and the annotation eks.amazonaws.com/role-arn name different roles. Remove the annotation, or write:
serviceAccount:
  roleArn: {{ $annotated }}{{ "\f" }}
{{- end }}
{{- end -}}

{{/* Fields that templates of log groups and streams need, and the permission that the metadata needs. */}}
{{- define "fluent-bit-windows.checkMetadata" -}}
{{- $from := .Values.logs.metadata.from -}}
{{- if and (eq $from "kubelet") (semverCompare "<1.33-0" .Capabilities.KubeVersion.Version) }}
logs.metadata.from is kubelet, but before Kubernetes 1.33 a kubelet requires nodes/proxy, which permits commands in any pod. Write:
logs:
  metadata:
    from: api{{ "\f" }}
{{- end }}
{{- range $output := include "fluent-bit-windows.outputs" . | fromJsonArray }}
{{- range $name := list "logGroupTemplate" "logStreamTemplate" }}
{{- $template := get $output $name | default "" }}
{{- if and (eq $from "tag") (regexMatch "\\['(labels|annotations|host|container_image|pod_ip)'\\]" $template) }}
outputs.{{ $output.name }}.{{ $name }} is {{ $template | quote }}, but logs.metadata.from: tag adds only names and IDs. Write:
logs:
  metadata:
    from: api{{ "\f" }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Features that Fluent Bit 1.9.10 lacks; those of outputs are in checkOutputs. */}}
{{- define "fluent-bit-windows.checkLegacy" -}}
{{- if include "fluent-bit-windows.isLegacy" . }}
{{- if ne .Values.logs.host.eventQuery "*" }}
logs.host.eventQuery is set, but Fluent Bit 1.9.10 cannot select events. Write:
profile: upstream{{ "\f" }}
{{- end }}
{{- if .Values.logs.extraFilters }}
logs.extraFilters are for a YAML configuration, but Fluent Bit 1.9.10 reads the classic format. Write:
profile: upstream{{ "\f" }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "fluent-bit-windows.checkLogs" -}}
{{- $logs := .Values.logs -}}
{{- if not (include "fluent-bit-windows.pipelines" . | fromJsonArray) }}
No pipeline of logs is enabled: there is nothing to deliver. Write:
logs:
  application:
    enabled: true{{ "\f" }}
{{- end }}
{{- if and $logs.host.enabled (not $logs.host.channels) }}
logs.host.channels is empty. Write:
logs:
  host:
    channels:
      - System{{ "\f" }}
{{- end }}
{{- if and $logs.dataplane.enabled (not (or $logs.dataplane.directories $logs.dataplane.channels)) }}
logs.dataplane has neither directories nor channels. Write:
logs:
  dataplane:
    enabled: false{{ "\f" }}
{{- end }}
{{- $namespaces := $logs.application.namespaces }}
{{- range $namespaces.include }}
{{- if has . $namespaces.exclude }}
Namespace {{ . }} is in logs.application.namespaces.include and in exclude. Remove it from one of them:
logs:
  application:
    namespaces:
      exclude: {{ without $namespaces.exclude . | toJson }}{{ "\f" }}
{{- end }}
{{- end }}
{{- range $output := include "fluent-bit-windows.outputs" . | fromJsonArray }}
{{- range dig "match" "namespaces" "include" list $output }}
{{- if and (not (contains "*" .)) (or (has . $namespaces.exclude) (and $namespaces.include (not (has . $namespaces.include)))) }}
outputs.{{ $output.name }}.match includes namespace {{ . }}, but logs.application.namespaces skips it. Write:
logs:
  application:
    namespaces:
{{- if has . $namespaces.exclude }}
      exclude: {{ without $namespaces.exclude . | toJson }}
{{- else }}
      include: {{ append $namespaces.include . | toJson }}
{{- end }}{{ "\f" }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Records that two inputs would read. */}}
{{- define "fluent-bit-windows.checkDuplicates" -}}
{{- $logs := .Values.logs -}}
{{- if $logs.dataplane.enabled }}
{{- range $logs.dataplane.channels }}
{{- if and $logs.host.enabled (has . $logs.host.channels) }}
Channel {{ . | quote }} is in logs.host.channels and in logs.dataplane.channels: its events would be delivered, and billed, twice. Keep it in one of them:
logs:
  dataplane:
    channels: {{ without $logs.dataplane.channels . | toJson }}{{ "\f" }}
{{- end }}
{{- end }}
{{- $seen := list }}
{{- range $logs.dataplane.directories }}
{{- $directory := lower . }}
{{- if has $directory $seen }}
logs.dataplane.directories contains {{ . | quote }} twice: its lines would be delivered, and billed, twice. Keep it once.{{ "\f" }}
{{- end }}
{{- if or (hasPrefix "c:\\var\\log\\containers" $directory) (hasPrefix "c:\\var\\log\\pods" $directory) (hasPrefix "c:\\programdata\\docker\\containers" $directory) }}
logs.dataplane.directories contains {{ . | quote }}, which logs.application reads: its lines would be delivered, and billed, twice. Remove it.{{ "\f" }}
{{- end }}
{{- $seen = append $seen $directory }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "fluent-bit-windows.checkFilters" -}}
{{- range $index, $filter := .Values.logs.extraFilters }}
{{- if eq $filter.name "rewrite_tag" }}
logs.extraFilters[{{ $index }}] is a rewrite_tag: no output matches its new tags, and records that it keeps would be delivered twice. Select records with outputs instead, for example:
outputs:
  shop:
    type: cloudwatch
    match:
      namespaces:
        include: [shop]{{ "\f" }}
{{- end }}
{{- if not (or (hasKey $filter "match") (hasKey $filter "match_regex")) }}
logs.extraFilters[{{ $index }}] ({{ $filter.name }}) has no match, so Fluent Bit would not use it. Write:
logs:
  extraFilters:
    - name: {{ $filter.name }}
      match: application.*{{ "\f" }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "fluent-bit-windows.checkOutputValues" -}}
{{- $names := include "fluent-bit-windows.names" . | fromJson -}}
{{- $given := dict
  "outputs" (include "fluent-bit-windows.outputs" . | fromJsonArray)
  "types" (include "fluent-bit-windows.outputTypes" . | fromJson)
  "by" "pipelines"
  "sources" (include "fluent-bit-windows.pipelines" . | fromJsonArray)
  "namespaced" (list "application")
  "read" .Values.logs.application.namespaces
  "legacy" (include "fluent-bit-windows.isLegacy" .)
-}}
{{- include "fluent-bit-windows.checkOutputs" (set $given "names" (merge (dict "pipeline" "") $names)) -}}
{{- include "fluent-bit-windows.checkOutputMatches" (set $given "names" $names) -}}
{{- end -}}
