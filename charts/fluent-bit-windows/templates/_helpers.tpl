{{/* Names and choices that several templates of this chart share. */}}

{{- define "fluent-bit-windows.serviceAccountName" -}}
{{- default (ternary (include "eks-common.fullname" .) "default" .Values.serviceAccount.create) .Values.serviceAccount.name -}}
{{- end -}}

{{/* A role of the whole cluster: two releases in two namespaces must not share its name. */}}
{{- define "fluent-bit-windows.clusterRoleName" -}}
{{- printf "%s-%s" .Release.Namespace (include "eks-common.fullname" .) -}}
{{- end -}}

{{- define "fluent-bit-windows.isHostProcess" -}}
{{- if eq .Values.mode "hostProcess" }}true{{ end -}}
{{- end -}}

{{- define "fluent-bit-windows.isLegacy" -}}
{{- if eq .Values.profile "aws-legacy" }}true{{ end -}}
{{- end -}}

{{/* Value of the label node.kubernetes.io/windows-build, by the name of a build; what a workload may ask for too. */}}
{{- define "fluent-bit-windows.buildLabels" -}}
{"2019": "10.0.17763", "2022": "10.0.20348", "2025": "10.0.26100"}
{{- end -}}

{{/* Labels of the nodes of a build: dict "root" $ "build" <name, or empty for any>. */}}
{{- define "fluent-bit-windows.nodeSelector" -}}
{{- $selector := dict "kubernetes.io/os" "windows" -}}
{{- with .build -}}
{{- $_ := set $selector "node.kubernetes.io/windows-build" (get (include "fluent-bit-windows.buildLabels" $ | fromJson) .) -}}
{{- end -}}
{{- mergeOverwrite (dict) .root.Values.nodeSelector $selector | toYaml -}}
{{- end -}}

{{/* The pods' token for the API server is for metadata alone. */}}
{{- define "fluent-bit-windows.needsToken" -}}
{{- if has .Values.metadata (list "api" "kubelet") }}true{{ end -}}
{{- end -}}

{{/* Whether the ConfigMap of the user decides about the HTTP server, whose port is then not known here. */}}
{{- define "fluent-bit-windows.httpFromConfigMap" -}}
{{- $given := .Values.cluster.configMap -}}
{{- if and $given.name (or $given.keys.httpServer $given.keys.httpPort) }}true{{ end -}}
{{- end -}}

{{/* Name of the cluster, or the variable that the user's ConfigMap gives it to Fluent Bit in. */}}
{{- define "fluent-bit-windows.clusterName" -}}
{{- ternary "${CLUSTER_NAME}" .Values.cluster.name (ne .Values.cluster.configMap.name "") -}}
{{- end -}}

{{- define "fluent-bit-windows.region" -}}
{{- ternary "${LOGS_REGION}" .Values.cluster.region (ne .Values.cluster.configMap.name "") -}}
{{- end -}}

{{/* Start of every path of a volume: a host process finds its volumes below a folder that the runtime names. */}}
{{- define "fluent-bit-windows.drive" -}}
{{- ternary "${CONTAINER_SANDBOX_MOUNT_POINT}" "C:" (eq .Values.mode "hostProcess") -}}
{{- end -}}

{{/* Folder with positions and buffers, as Fluent Bit sees it. */}}
{{- define "fluent-bit-windows.stateDir" -}}
{{- include "fluent-bit-windows.drive" . -}}\fluent-bit-state
{{- end -}}

{{/* Every image of the release: dict "root" $ "build" <item of windows.builds>. */}}
{{- define "fluent-bit-windows.image" -}}
{{- $legacy := include "fluent-bit-windows.isLegacy" .root -}}
{{- $image := ternary .root.Values.legacy.image .root.Values.image (ne $legacy "") -}}
{{- $tag := ternary (printf "%s-ltsc%s" $image.tag .build.name) (printf "windows-%s-%s" .build.name $image.tag) (ne $legacy "") -}}
{{- $own := dict "tag" (.build.tag | default $tag) "digest" (.build.digest | default $image.digest) -}}
{{- include "eks-common.image" (dict "root" .root "image" (mergeOverwrite (dict) $image $own)) -}}
{{- end -}}

{{/*
The DaemonSets of the release, as JSON: name, component, the build whose image runs, the build whose nodes they run on.
*/}}
{{- define "fluent-bit-windows.daemonSets" -}}
{{- $sets := list -}}
{{- $fullname := include "eks-common.fullname" . -}}
{{- if include "fluent-bit-windows.isHostProcess" . -}}
{{- $sets = append $sets (dict "name" $fullname "component" "fluent-bit" "build" (first .Values.windows.builds) "nodes" "") -}}
{{- else -}}
{{- range .Values.windows.builds -}}
{{- $name := printf "%s-%s" $fullname .name -}}
{{- $sets = append $sets (dict "name" $name "component" (printf "fluent-bit-%s" .name) "build" . "nodes" .name) -}}
{{- end -}}
{{- end -}}
{{- $sets | toJson -}}
{{- end -}}
