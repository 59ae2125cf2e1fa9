{{/* Parts of pods that all components share. */}}

{{/* Probes by HTTP: dict "values" <block of the component> "paths" <name of a probe: path> and, if not `http`, "ports". */}}
{{- define "observability-stack.httpProbes" -}}
{{- $handlers := dict -}}
{{- range $name, $path := .paths -}}
{{- $port := get ($.ports | default dict) $name | default "http" -}}
{{- $_ := set $handlers $name (dict "httpGet" (dict "path" $path "port" $port)) -}}
{{- end -}}
{{- include "observability-stack.probes" (dict "values" .values "handlers" $handlers) -}}
{{- end -}}

{{/*
The pod of a component: dict "root" $ "component" <name> "container" <name of a helper for what is particular to its
container>; further "values" <block, if not the component's> "identity" <component whose service account it has>
"containerName" <name> "volumes" <name of a helper> "scope" <argument of both helpers, if not the root> "token" true for
access to the API server, "checksums" <map of annotations> "hostNetwork" true "os" windows.
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

{{/* The volume of a component's data: dict "persistence" <block> "claim" <name, empty for scratch space> and "name", if not data. */}}
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
A rule for a proxy that signs whatever it is sent with the role of its pod, and asks nobody who he is: for the release's
own namespace and for peers that are named. Argument: dict "port" <name> "from" <peers>.
*/}}
{{- define "observability-stack.proxyRule" -}}
from:
  - podSelector: {}
  {{- with .from }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
ports:
  - port: {{ .port }}
    protocol: TCP
{{- end -}}
