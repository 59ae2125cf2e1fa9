{{/* Pods of all components. */}}

{{/* HTTP probes: dict "values" <block of the component> "paths" <paths by probe> and, for ports other than `http`, "ports". */}}
{{- define "observability-stack.httpProbes" -}}
{{- $handlers := dict -}}
{{- range $name, $path := .paths -}}
{{- $port := get ($.ports | default dict) $name | default "http" -}}
{{- $_ := set $handlers $name (dict "httpGet" (dict "path" $path "port" $port)) -}}
{{- end -}}
{{- include "observability-stack.probes" (dict "values" .values "handlers" $handlers) -}}
{{- end -}}

{{/*
Pod template of a component: dict "root" $ "component" <name> "container" <helper for the component's own fields of the
container>. Optional: "values" <block, default: that of the component> "identity" <component whose service account it uses>
"containerName" <name> "volumes" <helper> "scope" <argument of both helpers, default: the root> "token" true (access to the
API server) "checksums" <map of annotations> "hostNetwork" true "os" windows.
*/}}
{{- define "observability-stack.podTemplate" -}}
{{- $values := .values | default (get .root.Values (include "observability-stack.valuesKey" .component)) -}}
{{- $scope := .scope | default .root -}}
{{- $os := .os | default "linux" -}}
metadata:
  labels:
    {{- include "observability-stack.labels" (dict "root" .root "component" .component "extra" $values.podLabels) | nindent 4 }}
  {{- with mergeOverwrite (dict) .root.Values.commonAnnotations $values.podAnnotations (.checksums | default dict) }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- if eq $os "windows" }}
  os:
    name: windows
  {{- end }}
  nodeSelector:
    {{- mergeOverwrite (dict) $values.nodeSelector (dict "kubernetes.io/os" $os) | toYaml | nindent 4 }}
  {{- with include "observability-stack.nonEmpty" (dict "from" $values "fields" (list "affinity" "priorityClassName" "tolerations" "topologySpreadConstraints")) }}
  {{- . | nindent 2 }}
  {{- end }}
  {{- with include "observability-stack.imagePullSecrets" .root }}
  imagePullSecrets:
    {{- . | nindent 4 }}
  {{- end }}
  serviceAccountName: {{ include "observability-stack.serviceAccountName" . | quote }}
  automountServiceAccountToken: {{ ternary "true" "false" (eq (toString .token) "true") }}
  {{- with $values.terminationGracePeriodSeconds }}
  terminationGracePeriodSeconds: {{ . | int64 }}
  {{- end }}
  {{- if .hostNetwork }}
  hostNetwork: true
  {{- if eq $os "linux" }}
  dnsPolicy: ClusterFirstWithHostNet
  {{- end }}
  {{- end }}
  {{- with $values.podSecurityContext }}
  securityContext:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: {{ .containerName | default .component }}
      image: {{ include "observability-stack.image" (dict "root" .root "image" $values.image) | quote }}
      imagePullPolicy: {{ $values.image.pullPolicy | quote }}
      {{- include .container $scope | nindent 6 }}
      resources:
        {{- toYaml $values.resources | nindent 8 }}
      {{- with $values.securityContext }}
      securityContext:
        {{- toYaml . | nindent 8 }}
      {{- end }}
  {{- with .volumes }}
  volumes:
    {{- include . $scope | nindent 4 }}
  {{- end }}
{{- end -}}

{{/* Data volume: dict "persistence" <block> "claim" <name, or empty for an emptyDir> and, if it is not `data`, "name". */}}
{{- define "observability-stack.dataVolume" -}}
- name: {{ .name | default "data" }}
  {{- if .claim }}
  persistentVolumeClaim:
    claimName: {{ .claim | quote }}
  {{- else }}
  emptyDir:
    sizeLimit: {{ .persistence.emptyDir.sizeLimit | quote }}
  {{- end }}
{{- end -}}

{{/*
Ingress rule for an X-Ray proxy, which signs every request with the role of its pod and authenticates no client: allows only
the release's namespace and the given peers. Argument: dict "port" <name> "from" <peers>.
*/}}
{{- define "observability-stack.proxyRule" -}}
from:
  - podSelector: {}
  {{- with .from }}{{ toYaml . | nindent 2 }}{{ end }}
ports:
  - port: {{ .port }}
    protocol: TCP
{{- end -}}

{{/* Environment variables from fields of the pod. Argument: a list of `<variable> <field path>`. */}}
{{- define "observability-stack.fieldEnv" -}}
{{- range . }}
{{- $pair := splitList " " . }}
- name: {{ first $pair }}
  valueFrom:
    fieldRef:
      fieldPath: {{ last $pair }}
{{- end }}
{{- end -}}

{{/* Volumes of host paths. Argument: a list of `<name> <path>`. */}}
{{- define "observability-stack.hostVolumes" -}}
{{- range . }}
{{- $pair := splitList " " . }}
- name: {{ first $pair }}
  hostPath:
    path: {{ last $pair }}
{{- end }}
{{- end -}}

{{/* Read-only mounts. Argument: a list of `<volume> <path>`. */}}
{{- define "observability-stack.readOnlyMounts" -}}
{{- range . }}
{{- $pair := splitList " " . }}
- name: {{ first $pair }}
  mountPath: {{ last $pair }}
  readOnly: true
{{- end }}
{{- end -}}
