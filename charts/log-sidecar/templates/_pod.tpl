{{/* The application's pod, identical in every kind of workload. */}}

{{/* Whether the application has a mount of its own at the log directory. */}}
{{- define "log-sidecar.appMountsLogs" -}}
{{- range .Values.app.extraVolumeMounts -}}
{{- if eq .mountPath $.Values.logs.directory }}true{{ end -}}
{{- end -}}
{{- end -}}

{{- define "log-sidecar.appContainer" -}}
{{- $app := .Values.app -}}
{{- $demo := include "log-sidecar.hasDemo" . -}}
{{- $serves := and $demo (not (include "log-sidecar.runsToEnd" .)) -}}
name: {{ $app.name | quote }}
image: {{ include "log-sidecar.image" (dict "root" . "image" $app.image) | quote }}
imagePullPolicy: {{ $app.image.pullPolicy | quote }}
{{- if $demo }}
command:
  - python3
  - -u
  - -B
  - /opt/demo/app.py
{{- if not $serves }}
args:
  - batch
{{- end }}
{{- else }}
{{- with include "log-sidecar.nonEmpty" (dict "from" $app "fields" (list "args" "command")) }}
{{ . }}
{{- end }}
{{- end }}
{{- $env := concat $app.env $app.extraEnv }}
{{- if or $demo $env }}
env:
  {{- if $demo }}
  {{- include "log-sidecar.demoEnv" . | trim | nindent 2 }}
  {{- end }}
  {{- with $env }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
{{- with concat $app.envFrom $app.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- $handlers := dict }}
{{- if $serves }}
{{- $healthz := dict "httpGet" (dict "path" "/healthz" "port" (first $app.ports).containerPort) }}
{{- $handlers = dict "livenessProbe" $healthz "readinessProbe" $healthz }}
{{- end }}
{{- with include "log-sidecar.probes" (dict "values" $app "handlers" $handlers) }}
{{ . }}
{{- end }}
{{- with include "log-sidecar.nonEmpty" (dict "from" $app "fields" (list "lifecycle" "ports" "resources" "securityContext" "workingDir")) }}
{{ . }}
{{- end }}
{{- $mountsLogs := include "log-sidecar.appMountsLogs" . }}
{{- if or (not $mountsLogs) $demo $app.tmp.enabled $app.extraVolumeMounts }}
volumeMounts:
  {{- if not $mountsLogs }}
  - {{ include "log-sidecar.logsMount" (dict "root" .) | nindent 4 | trim }}
  {{- end }}
  {{- if $demo }}
  - name: demo
    mountPath: /opt/demo
    readOnly: true
  {{- end }}
  {{- if $app.tmp.enabled }}
  - name: tmp
    mountPath: /tmp
  {{- end }}
  {{- if include "log-sidecar.demoShips" . }}
  {{- with include "log-sidecar.caMounts" (dict "outputs" (include "log-sidecar.activeOutputs" . | fromJsonArray)) }}
  {{- . | nindent 2 }}
  {{- end }}
  {{- end }}
  {{- with $app.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}
{{- end -}}

{{/* A scratch volume: dict "name" <name> "settings" <map of medium and sizeLimit>. */}}
{{- define "log-sidecar.emptyDir" -}}
name: {{ .name | quote }}
emptyDir:
  {{- with .settings.medium }}
  medium: {{ . | quote }}
  {{- end }}
  sizeLimit: {{ .settings.sizeLimit | quote }}
{{- end -}}

{{/* The volume of the log files, if it is not another's: dict "root" $ and "volumes" as for `log-sidecar.volumeName`. */}}
{{- define "log-sidecar.logsVolume" -}}
{{- $volume := .root.Values.logs.volume -}}
{{- $name := include "log-sidecar.volumeName" (dict "root" .root "volume" "logs" "volumes" .volumes) -}}
{{- if eq $volume.type "emptyDir" }}
- {{ include "log-sidecar.emptyDir" (dict "name" $name "settings" $volume.emptyDir) | nindent 2 | trim }}
{{- else if eq $volume.type "persistentVolumeClaim" }}
- name: {{ $name | quote }}
  persistentVolumeClaim:
    claimName: {{ include "log-sidecar.claimName" .root | quote }}
{{- end }}
{{- end -}}

{{/* The volume of an engine's state, if it has one and it is not on the claim of the log files; arguments as above. */}}
{{- define "log-sidecar.stateVolume" -}}
{{- if and (include "log-sidecar.engineKeepsState" .root) (ne .root.Values.logs.volume.type "persistentVolumeClaim") }}
{{- $name := include "log-sidecar.volumeName" (dict "root" .root "volume" "state" "volumes" .volumes) }}
{{- $settings := dict "medium" (include "log-sidecar.stateMedium" .root) "sizeLimit" .root.Values.sidecar.state.sizeLimit }}
- {{ include "log-sidecar.emptyDir" (dict "name" $name "settings" $settings) | nindent 2 | trim }}
{{- end }}
{{- end -}}

{{- define "log-sidecar.podVolumes" -}}
{{- $volume := .Values.logs.volume -}}
{{- $ofStatefulSet := and (eq .Values.app.kind "StatefulSet") (not $volume.persistentVolumeClaim.existingClaim) -}}
{{- if not (and (eq $volume.type "persistentVolumeClaim") $ofStatefulSet) }}
{{- include "log-sidecar.logsVolume" (dict "root" .) }}
{{- end }}
{{- if include "log-sidecar.hasDemo" . }}
- name: demo
  configMap:
    name: {{ include "log-sidecar.demoConfigMapName" . | quote }}
{{- end }}
{{- if .Values.app.tmp.enabled }}
- name: tmp
  emptyDir:
    sizeLimit: {{ .Values.app.tmp.sizeLimit | quote }}
{{- end }}
{{- if include "log-sidecar.hasSidecarConfig" . }}
- name: {{ include "log-sidecar.volumeName" (dict "root" . "volume" "config") | quote }}
  configMap:
    name: {{ include "log-sidecar.sidecarConfigMapName" . | quote }}
{{- end }}
{{- if and .Values.app.enabled .Values.sidecar.enabled }}
{{- include "log-sidecar.stateVolume" (dict "root" .) }}
{{- end }}
{{- if or (include "log-sidecar.sidecars" . | fromJsonArray) (include "log-sidecar.demoShips" .) }}
{{- with include "log-sidecar.caVolumes" (dict "root" $) }}
{{ . }}
{{- end }}
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "log-sidecar.topologySpreadConstraints" -}}
{{- $constraints := list -}}
{{- range .Values.topologySpreadConstraints -}}
{{- $selector := dict "matchLabels" (include "log-sidecar.selectorLabels" (dict "root" $ "component" "app") | fromYaml) -}}
{{- $constraints = append $constraints (ternary . (merge (dict "labelSelector" $selector) .) (hasKey . "labelSelector")) -}}
{{- end -}}
{{- $constraints | toYaml -}}
{{- end -}}

{{/* Annotations of the pod: a changed configuration recreates the pods. */}}
{{- define "log-sidecar.podAnnotations" -}}
{{- $annotations := dict "kubectl.kubernetes.io/default-container" .Values.app.name -}}
{{- if include "log-sidecar.hasDemo" . -}}
{{- $source := printf "%s%s" (.Files.Get "files/demo/app.py") (include "log-sidecar.demoData" .) -}}
{{- $_ := set $annotations "checksum/demo" (sha256sum $source) -}}
{{- end -}}
{{- if include "log-sidecar.hasSidecarConfig" . -}}
{{- $_ := set $annotations "checksum/sidecar" (include "log-sidecar.configData" . | sha256sum) -}}
{{- end -}}
{{- mergeOverwrite (dict) .Values.commonAnnotations $annotations .Values.podAnnotations | toYaml -}}
{{- end -}}

{{- define "log-sidecar.podLabels" -}}
{{- $extra := mergeOverwrite (dict) .Values.podLabels -}}
{{- include "log-sidecar.labels" (dict "root" . "component" "app" "extra" $extra) | fromYaml | toYaml -}}
{{- end -}}

{{/* The values that add to the lists of the pod, for log-sidecar.checkPod; as JSON. */}}
{{- define "log-sidecar.podValues" -}}
{{- $values := .Values -}}
{{- $name := $values.app.name -}}
{{- $directory := list (dict "mountPath" $values.logs.directory) -}}
{{- $lists := list
  (dict "path" "" "block" (pick $values "extraContainers" "extraInitContainers" "extraVolumes" "topologySpreadConstraints"))
  (dict "path" "app" "block" (pick $values.app "env" "extraEnv" "extraVolumeMounts" "ports") "container" $name)
  (dict "path" "app.name" "block" (dict "" (list (dict "name" $name))))
  (dict "path" "logs.directory" "block" (dict "" $directory) "container" $name)
-}}
{{- range include "log-sidecar.sidecars" . | fromJsonArray -}}
{{- $lists = concat $lists (list
  (dict "path" "sidecar" "block" (pick $values.sidecar "extraEnv" "extraVolumeMounts") "container" .name)
  (dict "path" "sidecar.name" "block" (dict "" (list (dict "name" .name))))
  (dict "path" "logs.directory" "block" (dict "" $directory) "container" .name)
) -}}
{{- end -}}
{{- $lists | toJson -}}
{{- end -}}

{{/* The claim templates of a StatefulSet, as a YAML list; nothing for another kind, or with another claim. */}}
{{- define "log-sidecar.claimTemplates" -}}
{{- $claim := .Values.logs.volume.persistentVolumeClaim -}}
{{- if and (eq .Values.app.kind "StatefulSet") (eq .Values.logs.volume.type "persistentVolumeClaim") (not $claim.existingClaim) }}
- apiVersion: v1
  kind: PersistentVolumeClaim
  metadata:
    name: {{ include "log-sidecar.volumeName" (dict "root" . "volume" "logs") | quote }}
    {{- with $claim.annotations }}
    annotations:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- /* Without the chart's version, as these templates are immutable. */}}
    labels:
      {{- include "log-sidecar.selectorLabels" (dict "root" . "component" "app") | nindent 6 }}
  spec:
    {{- include "log-sidecar.claimSpec" $claim | nindent 4 }}
{{- end -}}
{{- end -}}

{{/* The pod's specification, checked. */}}
{{- define "log-sidecar.podSpec" -}}
{{- $spec := include "log-sidecar.uncheckedPodSpec" . -}}
{{- $checked := dict "root" . "pod" (fromYaml $spec) "values" (include "log-sidecar.podValues" . | fromJsonArray) -}}
{{- $of := printf "%s %q" .Values.app.kind (include "log-sidecar.fullname" .) -}}
{{- include "log-sidecar.checkPod" (merge $checked (dict "of" $of "claims" (include "log-sidecar.claimTemplates" . | fromYamlArray))) -}}
{{- $spec -}}
{{- end -}}

{{- define "log-sidecar.uncheckedPodSpec" -}}
{{- $native := list -}}
{{- $plain := list -}}
{{- range include "log-sidecar.sidecars" . | fromJsonArray -}}
{{- $container := include "log-sidecar.sidecarContainer" (dict "root" $ "sidecar" .) | fromYaml -}}
{{- if $.Values.sidecar.native }}{{ $native = append $native $container }}{{ else }}{{ $plain = append $plain $container }}{{ end -}}
{{- end -}}
serviceAccountName: {{ include "log-sidecar.serviceAccountName" . | quote }}
automountServiceAccountToken: {{ .Values.serviceAccount.automount }}
{{- with include "log-sidecar.imagePullSecrets" . }}
imagePullSecrets:
  {{- . | nindent 2 }}
{{- end }}
{{- with .Values.podSecurityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
terminationGracePeriodSeconds: {{ .Values.terminationGracePeriodSeconds | int64 }}
{{- $restart := default (ternary "Never" "" (eq (include "log-sidecar.runsToEnd" .) "true")) .Values.app.restartPolicy }}
{{- with $restart }}
restartPolicy: {{ . | quote }}
{{- end }}
{{- /* A native sidecar comes first: it starts before all other containers and stops after them. */}}
{{- with concat $native .Values.extraInitContainers }}
initContainers:
  {{- toYaml . | nindent 2 }}
{{- end }}
containers:
  - {{ include "log-sidecar.appContainer" . | nindent 4 | trim }}
  {{- with concat $plain .Values.extraContainers }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with include "log-sidecar.podVolumes" . | trim }}
volumes:
  {{- . | nindent 2 }}
{{- end }}
{{- $scheduling := dict "from" .Values "fields" (list "affinity" "nodeSelector" "priorityClassName" "runtimeClassName" "tolerations") }}
{{- with include "log-sidecar.nonEmpty" $scheduling }}
{{ . }}
{{- end }}
{{- if .Values.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- include "log-sidecar.topologySpreadConstraints" . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "log-sidecar.podTemplate" -}}
metadata:
  annotations:
    {{- include "log-sidecar.podAnnotations" . | nindent 4 }}
  labels:
    {{- include "log-sidecar.podLabels" . | nindent 4 }}
spec:
  {{- include "log-sidecar.podSpec" . | nindent 2 }}
{{- end -}}
