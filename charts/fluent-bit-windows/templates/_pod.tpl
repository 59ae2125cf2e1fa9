{{/* The pod of a DaemonSet: dict "root" $ "set" <item of fluent-bit-windows.daemonSets>. */}}

{{/* Host paths, each with the path in the container if it differs, as a JSON list. */}}
{{- define "fluent-bit-windows.hostPaths" -}}
{{- $paths := list (dict "name" "state" "path" .Values.state.hostPath "mountPath" "C:\\fluent-bit-state" "readOnly" false) -}}
{{- /* A host process sees the node's disk; a container needs links and their targets at the same paths. */}}
{{- if ne .Values.mode "hostProcess" -}}
{{- if .Values.logs.application.enabled -}}
{{- $logs := list (dict "name" "container-logs" "path" "C:\\var\\log\\containers") (dict "name" "pod-logs" "path" "C:\\var\\log\\pods") -}}
{{- if has "docker" .Values.windows.runtimes -}}
{{- $logs = append $logs (dict "name" "docker-logs" "path" "C:\\ProgramData\\docker\\containers") -}}
{{- end -}}
{{- $paths = concat $paths $logs -}}
{{- end -}}
{{- if .Values.logs.dataplane.enabled -}}
{{- range $index, $directory := .Values.logs.dataplane.directories -}}
{{- $paths = append $paths (dict "name" (printf "dataplane-%d" $index) "path" $directory) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $paths | toJson -}}
{{- end -}}

{{- define "fluent-bit-windows.volumes" -}}
- name: config
  configMap:
    name: {{ include "fluent-bit-windows.fullname" . | quote }}
{{- range include "fluent-bit-windows.hostPaths" . | fromJsonArray }}
- name: {{ .name | quote }}
  hostPath:
    path: {{ .path | quote }}
    # A pod does not start if a directory is missing, such as Docker's on a node with containerd.
    type: DirectoryOrCreate
{{- end }}
{{- with include "fluent-bit-windows.outputVolumes" (dict "outputs" (include "fluent-bit-windows.outputs" . | fromJsonArray) "prefix" "ca-") }}
{{ . }}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "fluent-bit-windows.volumeMounts" -}}
- name: config
  mountPath: C:\fluent-bit-config
  readOnly: true
{{- range include "fluent-bit-windows.hostPaths" . | fromJsonArray }}
- name: {{ .name | quote }}
  mountPath: {{ default .path .mountPath | quote }}
  readOnly: {{ not (eq (toString .readOnly) "false") }}
{{- end }}
{{- with include "fluent-bit-windows.outputMounts" (dict "outputs" (include "fluent-bit-windows.outputs" . | fromJsonArray) "prefix" "ca-" "directory" "C:\\fluent-bit-ca" "separator" "\\") }}
{{ . }}
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Environment variables that the configuration uses. Argument: the root. */}}
{{- define "fluent-bit-windows.env" -}}
- name: HOST_NAME
  valueFrom:
    fieldRef:
      fieldPath: spec.nodeName
{{- range include "fluent-bit-windows.configMapEnv" . | fromJsonArray }}
- name: {{ .variable }}
  valueFrom:
    configMapKeyRef:
      name: {{ $.Values.cluster.configMap.name | quote }}
      key: {{ .key | quote }}
      {{- if .optional }}
      optional: true
      {{- end }}
{{- end }}
{{- with include "fluent-bit-windows.outputEnv" (include "fluent-bit-windows.outputs" . | fromJsonArray) }}
{{ . }}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/*
Program and arguments. The images set the program as entry point and as command, so both are overridden. The runtime
replaces %CONTAINER_SANDBOX_MOUNT_POINT% by the directory in which a host process finds its image and volumes.
*/}}
{{- define "fluent-bit-windows.command" -}}
{{- $drive := ternary "%CONTAINER_SANDBOX_MOUNT_POINT%" "C:" (eq .Values.mode "hostProcess") -}}
command:
  - {{ printf "%s\\fluent-bit\\bin\\fluent-bit.exe" $drive | quote }}
args:
  - --config
  - {{ printf "%s\\fluent-bit-config\\%s" $drive (ternary "fluent-bit.conf" "fluent-bit.yaml" (eq .Values.profile "aws-legacy")) | quote }}
{{- end -}}

{{- define "fluent-bit-windows.agentProbes" -}}
{{- $handlers := dict -}}
{{- range $name, $path := ternary dict (dict "startupProbe" "/" "livenessProbe" "/" "readinessProbe" "/api/v1/health") (ne "" (include "fluent-bit-windows.httpFromConfigMap" .)) -}}
{{- $_ := set $handlers $name (dict "httpGet" (dict "path" $path "port" "http")) -}}
{{- end -}}
{{- include "fluent-bit-windows.probes" (dict "values" .Values "handlers" $handlers) -}}
{{- end -}}

{{- define "fluent-bit-windows.podTemplate" -}}
{{- $root := .root -}}
{{- $values := $root.Values -}}
metadata:
  labels:
    {{- include "fluent-bit-windows.labels" (dict "root" $root "component" .set.component "extra" $values.podLabels) | nindent 4 }}
  annotations:
    {{- $checksum := dict "checksum/config" (include "fluent-bit-windows.configData" $root | sha256sum) }}
    {{- mergeOverwrite (dict) $values.commonAnnotations $values.podAnnotations $checksum | toYaml | nindent 4 }}
spec:
  os:
    name: windows
  nodeSelector:
    {{- include "fluent-bit-windows.nodeSelector" (dict "root" $root "build" .set.nodes) | nindent 4 }}
  {{- with include "fluent-bit-windows.nonEmpty" (dict "from" $values "fields" (list "affinity" "priorityClassName" "tolerations")) }}
  {{- . | nindent 2 }}
  {{- end }}
  serviceAccountName: {{ include "fluent-bit-windows.serviceAccountName" $root | quote }}
  automountServiceAccountToken: {{ ternary "true" "false" (ne (include "fluent-bit-windows.needsToken" $root) "") }}
  {{- with include "fluent-bit-windows.imagePullSecrets" $root }}
  imagePullSecrets:
    {{- . | nindent 4 }}
  {{- end }}
  terminationGracePeriodSeconds: {{ $values.terminationGracePeriodSeconds | int64 }}
  {{- if eq $values.mode "hostProcess" }}
  hostNetwork: true
  securityContext:
    windowsOptions:
      hostProcess: true
      runAsUserName: {{ $values.hostProcess.runAsUserName | quote }}
  {{- else }}
  {{- with $values.podSecurityContext }}
  securityContext:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- end }}
  containers:
    - name: fluent-bit
      image: {{ include "fluent-bit-windows.agentImage" (dict "root" $root "build" .set.build) | quote }}
      imagePullPolicy: {{ (ternary $values.legacy.image $values.image (eq $values.profile "aws-legacy")).pullPolicy | quote }}
      {{- include "fluent-bit-windows.command" $root | nindent 6 }}
      env:
        {{- include "fluent-bit-windows.env" $root | nindent 8 }}
      {{- with $values.extraEnvFrom }}
      envFrom:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- if not (include "fluent-bit-windows.httpFromConfigMap" $root) }}
      ports:
        - name: http
          containerPort: {{ $values.httpServer.port | int }}
          {{- if eq $values.mode "hostProcess" }}
          hostPort: {{ $values.httpServer.port | int }}
          {{- end }}
      {{- end }}
      {{- with include "fluent-bit-windows.agentProbes" $root }}
      {{- . | nindent 6 }}
      {{- end }}
      resources:
        {{- toYaml $values.resources | nindent 8 }}
      volumeMounts:
        {{- include "fluent-bit-windows.volumeMounts" $root | nindent 8 }}
  volumes:
    {{- include "fluent-bit-windows.volumes" $root | nindent 4 }}
{{- end -}}
