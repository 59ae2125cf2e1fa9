{{/* Parts of pods that all components share. */}}

{{/* Where pods run and where their images are from: dict "root" $ "values" <block of the component>. */}}
{{- define "observability-stack.placement" -}}
nodeSelector:
  {{- mergeOverwrite (dict) .values.nodeSelector (dict "kubernetes.io/os" "linux") | toYaml | nindent 2 }}
{{- with .values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .values.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- with include "observability-stack.imagePullSecrets" .root }}
imagePullSecrets:
  {{- . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Probes by HTTP: dict "values" <block of the component> "paths" <name of a probe: path> and, if not `http`, "ports". */}}
{{- define "observability-stack.probes" -}}
{{- range $name, $path := .paths }}
{{- $probe := get $.values $name }}
{{- $port := get ($.ports | default dict) $name | default "http" }}
{{- if $probe.enabled }}
{{ $name }}:
  {{- include "observability-stack.probe" (dict "probe" $probe "handler" (dict "httpGet" (dict "path" $path "port" $port))) | nindent 2 }}
{{- end }}
{{- end }}
{{- end -}}

{{/*
The pod of an exporter: dict "root" $ "component" <name> "values" <its block> "account" <key of serviceAccounts>
"container" <name of a helper that gives what is particular to its container> and "volumes" <name of a helper>; further
"token" true where it asks the API server, "checksums" <map of annotations>, "hostNetwork" true.
*/}}
{{- define "observability-stack.podTemplate" -}}
{{- $values := .values -}}
metadata:
  labels:
    {{- include "observability-stack.labels" (dict "root" .root "component" .component "extra" $values.podLabels) | nindent 4 }}
  {{- with mergeOverwrite (dict) .root.Values.commonAnnotations $values.podAnnotations (.checksums | default dict) }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  {{- include "observability-stack.placement" (dict "root" .root "values" $values) | nindent 2 }}
  {{- with $values.affinity }}
  affinity:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $values.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  serviceAccountName: {{ include "observability-stack.serviceAccountName" (dict "root" .root "account" .account "component" .component) | quote }}
  automountServiceAccountToken: {{ ternary "true" "false" (eq (toString .token) "true") }}
  {{- with $values.terminationGracePeriodSeconds }}
  terminationGracePeriodSeconds: {{ . | int64 }}
  {{- end }}
  {{- if .hostNetwork }}
  hostNetwork: true
  dnsPolicy: ClusterFirstWithHostNet
  {{- end }}
  {{- with $values.podSecurityContext }}
  securityContext:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: {{ .component }}
      image: {{ include "observability-stack.image" (dict "root" .root "image" $values.image) | quote }}
      imagePullPolicy: {{ $values.image.pullPolicy | quote }}
      {{- include .container .root | nindent 6 }}
      resources:
        {{- toYaml $values.resources | nindent 8 }}
      {{- with $values.securityContext }}
      securityContext:
        {{- toYaml . | nindent 8 }}
      {{- end }}
  {{- with .volumes }}
  volumes:
    {{- include . $.root | nindent 4 }}
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

{{/* A policy for one component: dict "root" $ "component" <name> "from" <peers; none: everybody> "port" <name>. */}}
{{- define "observability-stack.networkPolicySpec" -}}
podSelector:
  matchLabels:
    {{- include "observability-stack.selectorLabels" (dict "root" .root "component" .component) | nindent 4 }}
policyTypes:
  - Ingress
ingress:
  - from:
      - podSelector:
          {{- include "observability-stack.serverSelector" .root | nindent 10 }}
      {{- with .from }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
    ports:
      {{- range .ports }}
      - port: {{ . | quote }}
      {{- end }}
{{- end -}}
