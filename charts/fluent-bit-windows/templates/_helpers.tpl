{{/* Names and settings that several templates of this chart use. */}}

{{- define "fluent-bit-windows.serviceAccountName" -}}
{{- default (ternary (include "fluent-bit-windows.fullname" .) "default" .Values.serviceAccount.create) .Values.serviceAccount.name -}}
{{- end -}}

{{- define "fluent-bit-windows.clusterRoleName" -}}
{{- include "fluent-bit-windows.clusterWideName" (dict "root" . "name" (include "fluent-bit-windows.fullname" .)) -}}
{{- end -}}

{{/* Longest full name: with the suffix of a build, such as `-2022`, it fits into the 63 characters of a label. */}}
{{- define "fluent-bit-windows.fullnameLimit" -}}
58
{{- end -}}

{{- define "fluent-bit-windows.isLegacy" -}}
{{- if eq .Values.profile "aws-legacy" }}true{{ end -}}
{{- end -}}

{{/* Value of the label node.kubernetes.io/windows-build by the name of a build. */}}
{{- define "fluent-bit-windows.buildLabels" -}}
{"2019": "10.0.17763", "2022": "10.0.20348", "2025": "10.0.26100"}
{{- end -}}

{{/* Node selector of a build: dict "root" $ "build" <name, or empty for any>. */}}
{{- define "fluent-bit-windows.nodeSelector" -}}
{{- $selector := dict "kubernetes.io/os" "windows" -}}
{{- with .build -}}
{{- $_ := set $selector "node.kubernetes.io/windows-build" (get (include "fluent-bit-windows.buildLabels" $ | fromJson) .) -}}
{{- end -}}
{{- mergeOverwrite (dict) .root.Values.nodeSelector $selector | toYaml -}}
{{- end -}}

{{/* Only pod metadata requires a token for the API server. */}}
{{- define "fluent-bit-windows.needsToken" -}}
{{- if has .Values.logs.metadata.from (list "api" "kubelet") }}true{{ end -}}
{{- end -}}

{{/* By key of cluster.configMap.keys: the variable, the ConfigMap's key, and the name in the article's commands. */}}
{{- define "fluent-bit-windows.settings" -}}
{
  "clusterName": {"variable": "CLUSTER_NAME"},
  "region": {"variable": "LOGS_REGION"},
  "httpServer": {"variable": "HTTP_SERVER", "key": "http.server", "alias": "FluentBitHttpServer"},
  "httpPort": {"variable": "HTTP_PORT", "key": "http.port", "alias": "FluentBitHttpPort"},
  "readFromHead": {"variable": "READ_FROM_HEAD", "key": "read.head", "alias": "FluentBitReadFromHead"},
  "readFromTail": {"variable": "READ_FROM_TAIL", "key": "read.tail", "alias": "FluentBitReadFromTail"}
}
{{- end -}}

{{/*
Environment variables from the user's ConfigMap, as a JSON list of variable, key and whether the key is optional. A setting can
have two keys, of which the ConfigMap has one. The other variable is empty, so both together are the value of the setting.
*/}}
{{- define "fluent-bit-windows.configMapEnv" -}}
{{- $given := .Values.cluster.configMap -}}
{{- $env := list -}}
{{- range $name, $setting := ternary (include "fluent-bit-windows.settings" . | fromJson) dict (ne $given.name "") -}}
{{- $key := get $given.keys $name -}}
{{- $aliased := and $setting.alias (eq $key $setting.key) -}}
{{- if $key -}}
{{- $env = append $env (dict "setting" $name "variable" $setting.variable "key" $key "optional" (not (not $aliased))) -}}
{{- end -}}
{{- if $aliased -}}
{{- $env = append $env (dict "setting" $name "variable" $setting.alias "key" $setting.alias "optional" true) -}}
{{- end -}}
{{- end -}}
{{- $env | toJson -}}
{{- end -}}

{{/* A setting as references to its variables, empty without a ConfigMap: dict "root" $ "setting" <name>. */}}
{{- define "fluent-bit-windows.given" -}}
{{- range include "fluent-bit-windows.configMapEnv" .root | fromJsonArray -}}
{{- if eq .setting $.setting }}${ {{- .variable -}} }{{ end -}}
{{- end -}}
{{- end -}}

{{/* True if the user's ConfigMap configures the HTTP server: its port is then unknown to the chart. */}}
{{- define "fluent-bit-windows.httpFromConfigMap" -}}
{{- range list "httpServer" "httpPort" }}{{ include "fluent-bit-windows.given" (dict "root" $ "setting" .) }}{{ end -}}
{{- end -}}

{{/* Name of the cluster, or the variable that contains it. */}}
{{- define "fluent-bit-windows.clusterName" -}}
{{- include "fluent-bit-windows.given" (dict "root" . "setting" "clusterName") | default .Values.cluster.name -}}
{{- end -}}

{{- define "fluent-bit-windows.region" -}}
{{- include "fluent-bit-windows.given" (dict "root" . "setting" "region") | default .Values.cluster.region -}}
{{- end -}}

{{/* Root of the paths of volumes, which a host process finds below a directory that the runtime sets. */}}
{{- define "fluent-bit-windows.drive" -}}
{{- ternary "${CONTAINER_SANDBOX_MOUNT_POINT}" "C:" (eq .Values.mode "hostProcess") -}}
{{- end -}}

{{/* Directory of positions and buffers on the node: two releases with the same one would overwrite each other's positions. */}}
{{- define "fluent-bit-windows.statePath" -}}
{{- .Values.state.hostPath | default (printf "C:\\var\\fluent-bit\\%s" (include "fluent-bit-windows.clusterRoleName" .)) -}}
{{- end -}}

{{/* The same directory, as Fluent Bit sees it. */}}
{{- define "fluent-bit-windows.stateDir" -}}
{{- include "fluent-bit-windows.drive" . -}}\fluent-bit-state
{{- end -}}

{{/* Image of an agent: dict "root" $ "build" <item of windows.builds>. */}}
{{- define "fluent-bit-windows.agentImage" -}}
{{- $legacy := include "fluent-bit-windows.isLegacy" .root -}}
{{- $image := ternary .root.Values.legacy.image .root.Values.image (ne $legacy "") -}}
{{- $tag := ternary (printf "%s-ltsc%s" $image.tag .build.name) (printf "windows-%s-%s" .build.name $image.tag) (ne $legacy "") -}}
{{- $own := dict "tag" (.build.tag | default $tag) "digest" (.build.digest | default $image.digest) -}}
{{- include "fluent-bit-windows.image" (dict "root" .root "image" (mergeOverwrite (dict) $image $own)) -}}
{{- end -}}

{{/*
The DaemonSets of the release, as JSON: name, component, the build whose image runs, the build whose nodes they run on.
*/}}
{{- define "fluent-bit-windows.daemonSets" -}}
{{- $sets := list -}}
{{- $fullname := include "fluent-bit-windows.fullname" . -}}
{{- if eq .Values.mode "hostProcess" -}}
{{- $sets = append $sets (dict "name" $fullname "component" "fluent-bit" "build" (first .Values.windows.builds) "nodes" "") -}}
{{- else -}}
{{- range .Values.windows.builds -}}
{{- $name := printf "%s-%s" $fullname .name -}}
{{- $sets = append $sets (dict "name" $name "component" (printf "fluent-bit-%s" .name) "build" . "nodes" .name) -}}
{{- end -}}
{{- end -}}
{{- $sets | toJson -}}
{{- end -}}
