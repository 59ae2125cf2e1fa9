{{/* The pod of a DaemonSet. */}}

{{/* Host paths, each with the path in the container if it differs, as a JSON list. */}}
{{- define "fluent-bit-windows.hostPaths" -}}
{{- $logs := .Values.logs -}}
{{- $paths := list (dict "name" "state" "path" (include "fluent-bit-windows.statePath" .) "mountPath" "C:\\fluent-bit-state" "readOnly" false) -}}
{{- /* A host process sees the disk of the node. A container requires links and their targets at the same paths. */}}
{{- if eq .Values.mode "container" -}}
{{- range ternary (list "containers" "pods") list $logs.application.enabled -}}
{{- $paths = append $paths (dict "name" (printf "%s-logs" (trimSuffix "s" .)) "path" (printf "C:\\var\\log\\%s" .)) -}}
{{- end -}}
{{- if and $logs.application.enabled (has "docker" .Values.windows.runtimes) -}}
{{- $paths = append $paths (dict "name" "docker-logs" "path" "C:\\ProgramData\\docker\\containers") -}}
{{- end -}}
{{- range $index, $directory := ternary $logs.dataplane.directories list $logs.dataplane.enabled -}}
{{- $paths = append $paths (dict "name" (printf "dataplane-%d" $index) "path" $directory) -}}
{{- end -}}
{{- end -}}
{{- $paths | toJson -}}
{{- end -}}

{{- define "fluent-bit-windows.volumes" -}}
{{- $volumes := list (dict "name" "config" "configMap" (dict "name" (include "fluent-bit-windows.fullname" .))) -}}
{{- /* Without DirectoryOrCreate, a pod would not start if a directory is missing, such as Docker's on a node with containerd. */}}
{{- range include "fluent-bit-windows.hostPaths" . | fromJsonArray -}}
{{- $volumes = append $volumes (dict "name" .name "hostPath" (dict "path" .path "type" "DirectoryOrCreate")) -}}
{{- end -}}
{{- $outputs := include "fluent-bit-windows.outputs" . | fromJsonArray -}}
{{- range $prefix, $outputs := dict "ca" (include "fluent-bit-windows.caBundle" . | fromJsonArray) "ca-" $outputs -}}
{{- $volumes = concat $volumes (include "fluent-bit-windows.outputVolumes" (dict "outputs" $outputs "prefix" $prefix) | fromYamlArray) -}}
{{- end -}}
{{- concat $volumes .Values.extraVolumes | toYaml -}}
{{- end -}}

{{- define "fluent-bit-windows.volumeMounts" -}}
{{- $mounts := list (dict "name" "config" "mountPath" "C:\\fluent-bit-config" "readOnly" true) -}}
{{- range include "fluent-bit-windows.hostPaths" . | fromJsonArray -}}
{{- $mounts = append $mounts (mergeOverwrite (dict "mountPath" .path "readOnly" true) (pick . "name" "mountPath" "readOnly")) -}}
{{- end -}}
{{- $outputs := dict "outputs" (include "fluent-bit-windows.outputs" . | fromJsonArray) "prefix" "ca-" "directory" "C:\\fluent-bit-ca" "separator" "\\" -}}
{{- $bundle := dict "outputs" (include "fluent-bit-windows.caBundle" . | fromJsonArray) "prefix" "ca" "directory" "C:\\ca-bundle" -}}
{{- concat $mounts (include "fluent-bit-windows.outputMounts" $bundle | fromYamlArray) (include "fluent-bit-windows.outputMounts" $outputs | fromYamlArray) .Values.extraVolumeMounts | toYaml -}}
{{- end -}}

{{/* Environment variables that the configuration uses. */}}
{{- define "fluent-bit-windows.env" -}}
{{- $env := list (dict "name" "HOST_NAME" "valueFrom" (dict "fieldRef" (dict "fieldPath" "spec.nodeName"))) -}}
{{- range include "fluent-bit-windows.configMapEnv" . | fromJsonArray -}}
{{- $key := dict "name" $.Values.cluster.configMap.name "key" .key -}}
{{- if .optional }}{{ $_ := set $key "optional" true }}{{ end -}}
{{- $env = append $env (dict "name" .variable "valueFrom" (dict "configMapKeyRef" $key)) -}}
{{- end -}}
{{- $outputs := include "fluent-bit-windows.outputs" . | fromJsonArray -}}
{{- $region := include "fluent-bit-windows.region" . -}}
{{- $hosts := include "fluent-bit-windows.outputHosts" (dict "root" . "outputs" $outputs "region" (ternary "" $region (contains "$" $region))) | fromJsonArray -}}
{{- $proxy := include "fluent-bit-windows.proxyEnv" (dict "root" . "fluentBit" true "hosts" $hosts) | fromJsonArray -}}
{{- $irsa := include "fluent-bit-windows.irsaEnv" . | fromYamlArray -}}
{{- concat $env $irsa (include "fluent-bit-windows.outputEnv" $outputs | fromYamlArray) $proxy .Values.extraEnv | toYaml -}}
{{- end -}}

{{/*
IRSA's role and token for a host process, instead of those of the webhook: its path of the token does not exist on Windows Server
2019, where volumes are only below the sandbox. The runtime replaces the variable on all versions. Returns a YAML list.
*/}}
{{- define "fluent-bit-windows.irsaEnv" -}}
{{- $role := include "fluent-bit-windows.roleOf" .Values.serviceAccount -}}
{{- $names := list -}}
{{- range .Values.extraEnv }}{{ $names = append $names .name }}{{ end -}}
{{- $set := or (has "AWS_ROLE_ARN" $names) (has "AWS_WEB_IDENTITY_TOKEN_FILE" $names) -}}
{{- if and $role (not $set) (eq .Values.mode "hostProcess") (eq .Values.identity.type "irsa") -}}
- name: AWS_ROLE_ARN
  value: {{ $role | quote }}
- name: AWS_WEB_IDENTITY_TOKEN_FILE
  value: '%CONTAINER_SANDBOX_MOUNT_POINT%\var\run\secrets\eks.amazonaws.com\serviceaccount\token'
{{- end -}}
{{- end -}}

{{/*
Program and arguments. The images set the program both as entry point and as command, so the pod overrides both. The runtime
replaces %CONTAINER_SANDBOX_MOUNT_POINT% with the directory in which a host process finds its image and volumes.
*/}}
{{- define "fluent-bit-windows.command" -}}
{{- $drive := ternary "%CONTAINER_SANDBOX_MOUNT_POINT%" "C:" (eq .Values.mode "hostProcess") -}}
command:
  - {{ printf "%s\\fluent-bit\\bin\\fluent-bit.exe" $drive | quote }}
args:
  - --config
  - {{ printf "%s\\fluent-bit-config\\%s" $drive (ternary "fluent-bit.conf" "fluent-bit.yaml" (eq .Values.profile "aws-legacy")) | quote }}
{{- end -}}

{{/* The pods of a DaemonSet, as JSON: dict "root" $ "set" <item of fluent-bit-windows.daemonSets>. */}}
{{- define "fluent-bit-windows.podTemplate" -}}
{{- $root := .root -}}
{{- $values := $root.Values -}}
{{- $hostProcess := eq $values.mode "hostProcess" -}}
{{- $container := merge (dict
  "name" "fluent-bit"
  "image" (include "fluent-bit-windows.agentImage" (dict "root" $root "build" .set.build))
  "imagePullPolicy" (ternary $values.legacy.image $values.image (eq $values.profile "aws-legacy")).pullPolicy
  "env" (include "fluent-bit-windows.env" $root | fromYamlArray)
  "envFrom" $values.extraEnvFrom
  "resources" $values.resources
  "volumeMounts" (include "fluent-bit-windows.volumeMounts" $root | fromYamlArray)
) (include "fluent-bit-windows.command" $root | fromYaml) -}}
{{- $handlers := dict -}}
{{- if not (include "fluent-bit-windows.httpFromConfigMap" $root) -}}
{{- $port := dict "name" "http" "containerPort" (int $values.httpServer.port) -}}
{{- $_ := set $container "ports" (list (ternary (merge (dict "hostPort" (int $values.httpServer.port)) $port) $port $hostProcess)) -}}
{{- range $name, $path := dict "startupProbe" "/" "livenessProbe" "/" "readinessProbe" "/api/v1/health" -}}
{{- $_ := set $handlers $name (dict "httpGet" (dict "path" $path "port" "http")) -}}
{{- end -}}
{{- end -}}
{{- $container = merge $container (include "fluent-bit-windows.probes" (dict "values" $values "handlers" $handlers) | fromJson) -}}
{{- $asHost := dict "windowsOptions" (dict "hostProcess" true "runAsUserName" $values.hostProcess.runAsUserName) -}}
{{- $spec := merge (dict
  "os" (dict "name" "windows")
  "affinity" (include "fluent-bit-windows.daemonSetAffinity" $values.affinity | fromJson)
  "nodeSelector" (include "fluent-bit-windows.nodeSelector" (dict "root" $root "build" .set.nodes) | fromYaml)
  "serviceAccountName" (include "fluent-bit-windows.serviceAccountName" $root)
  "imagePullSecrets" (include "fluent-bit-windows.imagePullSecrets" $root | fromYamlArray)
  "securityContext" (ternary $asHost $values.podSecurityContext $hostProcess)
  "hostNetwork" $hostProcess
  "containers" (list (include "fluent-bit-windows.nonEmpty" $container | fromJson))
  "volumes" (include "fluent-bit-windows.volumes" $root | fromYamlArray)
) (pick $values "priorityClassName" "terminationGracePeriodSeconds" "tolerations") -}}
{{- $spec = include "fluent-bit-windows.nonEmpty" $spec | fromJson -}}
{{- $_ := set $spec "automountServiceAccountToken" (ne (include "fluent-bit-windows.needsToken" $root) "") -}}
{{- $checksum := dict "checksum/config" (include "fluent-bit-windows.configData" $root | sha256sum) -}}
{{- $metadata := dict
  "labels" (include "fluent-bit-windows.labels" (dict "root" $root "component" .set.component "extra" $values.podLabels) | fromYaml)
  "annotations" (mergeOverwrite (dict) $values.commonAnnotations $values.podAnnotations $checksum)
-}}
{{- dict "metadata" $metadata "spec" $spec | toJson -}}
{{- end -}}
