{{/* Checks of node agents: Fluent Bit, which reads the logs of all pods of its node. */}}

{{/* A message about the version of Fluent Bit: dict "path" <of the image in the values> "image" <that block>. */}}
{{- define "shared.checkFluentBitVersion" -}}
{{- $version := .image.tag -}}
{{- include "shared.reject" (list (and (not .image.digest) (regexMatch "^v?[0-9]+\\.[0-9]+\\.[0-9]+$" $version) (semverCompare "<5.1.1" $version))
  (printf "`%s.tag` is %s, but Fluent Bit before 5.1.1 has known vulnerabilities or is no longer supported." .path $version)
  (printf "%s.tag" .path) "5.1.1") }}
{{- end -}}

{{/* A message about metadata from an old kubelet. Argument: the root. */}}
{{- define "shared.checkKubeletMetadata" -}}
{{- include "shared.reject" (list (and (eq .Values.logs.metadata.from "kubelet") (semverCompare "<1.33-0" .Capabilities.KubeVersion.Version))
  "`logs.metadata.from` is kubelet, but before Kubernetes 1.33 the kubelet requires nodes/proxy, a permission to run commands in any pod."
  "logs.metadata.from" "api") }}
{{- end -}}

{{/* Messages about namespaces that are both read and not. Argument: the root. */}}
{{- define "shared.checkReadNamespaces" -}}
{{- $namespaces := .Values.logs.application.namespaces -}}
{{- range $namespaces.include }}
{{- include "shared.reject" (list (has . $namespaces.exclude)
  (printf "Namespace %s is in both `include` and `exclude` of `logs.application.namespaces`. Remove it from one of them." .)
  "logs.application.namespaces.exclude" (without $namespaces.exclude .)) }}
{{- end }}
{{- end -}}

{{/*
Messages about the outputs: dict "root" $ "sources" <names of the pipelines> "names" <texts by placeholder> and, for Fluent Bit
1.9.10, "legacy" true.
*/}}
{{- define "shared.checkAgentOutputs" -}}
{{- $given := dict
  "outputs" (include "shared.outputs" .root | fromJsonArray)
  "types" (include "shared.outputTypes" .root | fromJson)
  "by" "pipelines"
  "sources" .sources
  "namespaced" (list "application")
  "read" .root.Values.logs.application.namespaces
  "legacy" .legacy
  "aws" .root.Values.aws
-}}
{{- include "shared.checkOutputs" (set $given "names" (merge (dict "pipeline" "") .names)) -}}
{{- include "shared.checkOutputMatches" (set $given "names" .names) -}}
{{- end -}}
