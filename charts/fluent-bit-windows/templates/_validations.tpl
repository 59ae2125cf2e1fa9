{{/*
What the schema cannot say. Each check returns nothing, or a message: what is wrong, where, and the YAML to write
instead. All of them are shown at once.
*/}}
{{- define "fluent-bit-windows.validate" -}}
{{- include "fluent-bit-windows.refuse" (dict "root" . "checks" (list "Fullname" "Account" "Builds" "Images" "Mode" "Identity" "Metadata" "Legacy" "Inputs" "Twice" "Groups" "Retention" "List" "Output" "Workloads")) -}}
{{- end -}}

{{- define "fluent-bit-windows.checkAccount" -}}
{{- if and .Values.rbac.create (include "fluent-bit-windows.needsToken" .) -}}
{{- include "fluent-bit-windows.refuseDefaultAccount" (dict "path" "serviceAccount" "account" .Values.serviceAccount) -}}
{{- end -}}
{{- end -}}

{{- define "fluent-bit-windows.checkBuilds" -}}
{{- $known := include "fluent-bit-windows.buildLabels" . | fromJson -}}
{{- $seen := list -}}
{{- range $index, $build := .Values.windows.builds }}
{{- if not (hasKey $known $build.name) }}
windows.builds[{{ $index }}] is {{ $build.name | quote }}, which is no build of Windows Server with a label of its own: 2019, 2022 and 2025 are. Write for example:
windows:
  builds:
    - name: "2022"{{ "\f" }}
{{- else if has $build.name $seen }}
windows.builds[{{ $index }}] is {{ $build.name | quote }} again: two agents on a node would send every line twice. Write it once:
windows:
  builds:
    - name: {{ $build.name | quote }}{{ "\f" }}
{{- end }}
{{- $seen = append $seen $build.name }}
{{- end }}
{{- end -}}

{{- define "fluent-bit-windows.checkImages" -}}
{{- $values := .Values -}}
{{- $builds := .Values.windows.builds -}}
{{- $legacy := include "fluent-bit-windows.isLegacy" . -}}
{{- $image := ternary .Values.legacy.image .Values.image (ne $legacy "") -}}
{{- if and $image.digest (eq .Values.mode "container") (gt (len $builds) 1) }}
{{ ternary "legacy.image" "image" (ne $legacy "") }}.digest is set, and each of the {{ len $builds }} builds has an image of its own. Write the digests with the builds:
windows:
  builds:
{{- range $builds }}
    - name: {{ .name | quote }}
      digest: sha256:...
{{- end }}{{ "\f" }}
{{- end }}
{{- /* A host process runs the first build's image only. */}}
{{- range $index, $build := ternary (list (first $builds)) $builds (eq .Values.mode "hostProcess") }}
{{- $own := or $build.tag $build.digest $image.digest }}
{{- if not (or $own $legacy (ne $build.name "2019")) }}
windows.builds[{{ $index }}] is "2019", for which Fluent Bit has published no image since 5.0. Write one of:
mode: hostProcess        # with another build first: a host process runs any build's image
profile: aws-legacy      # Fluent Bit 1.9.10
windows:
  builds:
    - name: "2019"
      tag: ...           # of an image of yours{{ "\f" }}
{{- end }}
{{- if and $legacy (eq $build.name "2025") (not $own) }}
windows.builds[{{ $index }}] is "2025", for which AWS publishes no image. Write:
profile: upstream{{ "\f" }}
{{- end }}
{{- end }}
{{- $version := .Values.image.tag }}
{{- if and (not $legacy) (regexMatch "^v?[0-9]+\\.[0-9]+\\.[0-9]+$" $version) }}
{{- if semverCompare "<5.1.1" $version }}
image.tag is {{ $version }}, and versions of Fluent Bit before 5.1.1 have known holes or are at their end. Write:
image:
  tag: 5.1.1{{ "\f" }}
{{- end }}
{{- end }}
{{- end -}}

{{/* A container has an event log of its own, and its network is not the node's. */}}
{{- define "fluent-bit-windows.checkMode" -}}
{{- $inputs := .Values.inputs -}}
{{- if eq .Values.mode "container" }}
{{- if $inputs.eventLog.enabled }}
inputs.eventLog.enabled is true, and a container sees its own, empty event log instead of the node's. Write:
mode: hostProcess{{ "\f" }}
{{- end }}
{{- if and $inputs.services.enabled $inputs.services.channels }}
inputs.services.channels is set, and a container sees its own, empty event log instead of the node's. Write one of:
mode: hostProcess
inputs:
  services:
    channels: []{{ "\f" }}
{{- end }}
{{- if eq .Values.metadata "kubelet" }}
metadata is kubelet, which answers on the node's own address only, where a container is not. Write one of:
mode: hostProcess
metadata: api{{ "\f" }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "fluent-bit-windows.checkIdentity" -}}
{{- $identity := .Values.identity -}}
{{- if and (eq $identity.type "podIdentity") (not $identity.allowPodIdentity) }}
identity.type is podIdentity, which AWS documents for Linux nodes only{{ if eq .Values.mode "hostProcess" }}, and a host process is not in a pod's network{{ end }}. Write one of:
identity:
  type: irsa
  roleArn: arn:aws:iam::111122223333:role/fluent-bit-windows
identity:
  type: podIdentity
  allowPodIdentity: true   # if you know that your nodes have it{{ "\f" }}
{{- end }}
{{- if and $identity.roleArn (ne $identity.type "irsa") }}
identity.roleArn is set, and identity.type is {{ $identity.type }}, which does not use it. Write:
identity:
  type: irsa{{ "\f" }}
{{- end }}
{{- if and $identity.roleArn (not .Values.serviceAccount.create) }}
identity.roleArn is set, and serviceAccount.create is false: the role would stand nowhere. Annotate your service account yourself, or write:
serviceAccount:
  create: true{{ "\f" }}
{{- end }}
{{- end -}}

{{/* What the templates of log groups and streams, and the role, need from the metadata. */}}
{{- define "fluent-bit-windows.checkMetadata" -}}
{{- if and (eq .Values.metadata "kubelet") (semverCompare "<1.33-0" .Capabilities.KubeVersion.Version) }}
metadata is kubelet, and before Kubernetes 1.33 a kubelet asks for nodes/proxy, which is enough to run commands in any pod. Write:
metadata: api{{ "\f" }}
{{- end }}
{{- if eq .Values.metadata "tag" }}
{{- range $name, $template := dict "routing.groupTemplate" .Values.routing.groupTemplate "output.cloudwatch.streamTemplate" .Values.output.cloudwatch.streamTemplate }}
{{- if regexMatch "\\['(labels|annotations|host|container_image|pod_ip)'\\]" $template }}
{{ $name }} is {{ $template | quote }}, and a file's name has neither labels nor the like: every record would go to the fallback. Write:
metadata: api{{ "\f" }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* What Fluent Bit 1.9.10 lacks. */}}
{{- define "fluent-bit-windows.checkLegacy" -}}
{{- if include "fluent-bit-windows.isLegacy" . }}
{{- if ne .Values.output.cloudwatch.groupClass "STANDARD" }}
output.cloudwatch.groupClass is {{ .Values.output.cloudwatch.groupClass }}, which Fluent Bit 1.9.10 cannot set. Write:
profile: upstream{{ "\f" }}
{{- end }}
{{- if ne .Values.inputs.eventLog.query "*" }}
inputs.eventLog.query is set, and Fluent Bit 1.9.10 cannot choose events. Write:
profile: upstream{{ "\f" }}
{{- end }}
{{- if .Values.extraFilters }}
extraFilters are set, which are for a YAML configuration, and Fluent Bit 1.9.10 reads the classic format. Write:
profile: upstream{{ "\f" }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "fluent-bit-windows.checkInputs" -}}
{{- $inputs := .Values.inputs -}}
{{- if not (or $inputs.containerLogs.enabled $inputs.eventLog.enabled $inputs.services.enabled) }}
Every input is off: there is nothing to send. Write:
inputs:
  containerLogs:
    enabled: true{{ "\f" }}
{{- end }}
{{- if and $inputs.eventLog.enabled (not $inputs.eventLog.channels) }}
inputs.eventLog.channels is empty. Write:
inputs:
  eventLog:
    channels:
      - System{{ "\f" }}
{{- end }}
{{- if and $inputs.services.enabled (not (or $inputs.services.directories $inputs.services.channels)) }}
inputs.services has neither directories nor channels. Write:
inputs:
  services:
    enabled: false{{ "\f" }}
{{- end }}
{{- end -}}

{{/* Records that two inputs would read, or that no output would match. */}}
{{- define "fluent-bit-windows.checkTwice" -}}
{{- $inputs := .Values.inputs -}}
{{- if and $inputs.eventLog.enabled $inputs.services.enabled }}
{{- range $inputs.services.channels }}
{{- if has . $inputs.eventLog.channels }}
The channel {{ . | quote }} is in inputs.eventLog.channels and in inputs.services.channels: its events would be sent, and billed, twice. Write it in one of them:
inputs:
  services:
    channels: {{ without $inputs.services.channels . | toJson }}{{ "\f" }}
{{- end }}
{{- end }}
{{- end }}
{{- if $inputs.services.enabled }}
{{- $seen := list }}
{{- range $inputs.services.directories }}
{{- $directory := lower . }}
{{- if has $directory $seen }}
inputs.services.directories has {{ . | quote }} twice: its lines would be sent, and billed, twice. Write it once.{{ "\f" }}
{{- end }}
{{- if or (hasPrefix "c:\\var\\log\\containers" $directory) (hasPrefix "c:\\var\\log\\pods" $directory) (hasPrefix "c:\\programdata\\docker\\containers" $directory) }}
inputs.services.directories has {{ . | quote }}, which inputs.containerLogs reads: its lines would be sent, and billed, twice. Leave it out.{{ "\f" }}
{{- end }}
{{- $seen = append $seen $directory }}
{{- end }}
{{- end }}
{{- range $index, $filter := .Values.extraFilters }}
{{- if eq $filter.name "rewrite_tag" }}
extraFilters[{{ $index }}] is a rewrite_tag: no output matches its new tags, and what it keeps would be sent twice. Choose log groups with:
routing:
  groupTemplate: ...{{ "\f" }}
{{- end }}
{{- if not (or (hasKey $filter "match") (hasKey $filter "match_regex")) }}
extraFilters[{{ $index }}] ({{ $filter.name }}) has no match: Fluent Bit would not use it. Write:
extraFilters:
  - name: {{ $filter.name }}
    match: application.*{{ "\f" }}
{{- end }}
{{- end }}
{{- $namespaces := $inputs.containerLogs.namespaces }}
{{- range $namespaces.include }}
{{- if has . $namespaces.exclude }}
The namespace {{ . }} is in inputs.containerLogs.namespaces.include and in exclude. Write it in one of them.{{ "\f" }}
{{- end }}
{{- end }}
{{- end -}}
