{{/* Names, labels, images: what every object of this chart shares. */}}

{{- define "log-sidecar.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* Not longer than 50, so that a suffix and what a Job or StatefulSet appends still fit into 63. */}}
{{- define "log-sidecar.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- $name := include "log-sidecar.name" . -}}
{{- ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "log-sidecar.demoName" -}}
{{- printf "%s-demo" (include "log-sidecar.fullname" .) -}}
{{- end -}}

{{- define "log-sidecar.configName" -}}
{{- printf "%s-sidecar" (include "log-sidecar.fullname" .) -}}
{{- end -}}

{{- define "log-sidecar.headlessName" -}}
{{- printf "%s-headless" (include "log-sidecar.fullname" .) -}}
{{- end -}}

{{- define "log-sidecar.testName" -}}
{{- printf "%s-test" (include "log-sidecar.fullname" .) -}}
{{- end -}}

{{- define "log-sidecar.claimName" -}}
{{- default (printf "%s-logs" (include "log-sidecar.fullname" .)) .Values.logs.volume.persistentVolumeClaim.existingClaim -}}
{{- end -}}

{{- define "log-sidecar.serviceAccountName" -}}
{{- with .Values.app.serviceAccount -}}
{{- default (ternary (include "log-sidecar.fullname" $) "default" .create) .name -}}
{{- end -}}
{{- end -}}

{{/* Selectors are for ever: nothing that a user or a release can change belongs here. */}}
{{- define "log-sidecar.selectorLabels" -}}
app.kubernetes.io/name: {{ include "log-sidecar.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/component: app
{{- end -}}

{{/* Labels of an object: dict "root" $ "component" "app" and, if it has labels of its own, "extra" <map>. */}}
{{- define "log-sidecar.labels" -}}
{{- $own := dict
  "app.kubernetes.io/name" (include "log-sidecar.name" .root)
  "app.kubernetes.io/instance" .root.Release.Name
  "app.kubernetes.io/component" .component
  "app.kubernetes.io/version" (.root.Chart.AppVersion | trunc 63)
  "app.kubernetes.io/managed-by" .root.Release.Service
  "helm.sh/chart" (printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-")
-}}
{{- mergeOverwrite (dict) .root.Values.commonLabels (.extra | default dict) $own | toYaml -}}
{{- end -}}

{{/* The metadata of an object: dict "root" $ "component" "app" "name" <name> and "labels", "annotations" <map>. */}}
{{- define "log-sidecar.metadata" -}}
name: {{ .name | quote }}
namespace: {{ .root.Release.Namespace | quote }}
labels:
  {{- include "log-sidecar.labels" (dict "root" .root "component" .component "extra" .labels) | nindent 2 }}
{{- with mergeOverwrite (dict) .root.Values.commonAnnotations (.annotations | default dict) }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Full name of an image: dict "root" $ "image" <map>. */}}
{{- define "log-sidecar.image" -}}
{{- $registry := default .image.registry .root.Values.global.imageRegistry -}}
{{- $name := ternary (printf "%s/%s" $registry .image.repository) .image.repository (ne $registry "") -}}
{{- if .image.digest -}}
{{- printf "%s@%s" $name .image.digest -}}
{{- else -}}
{{- printf "%s:%s" $name .image.tag -}}
{{- end -}}
{{- end -}}

{{- define "log-sidecar.imagePullSecrets" -}}
{{- $secrets := list -}}
{{- range concat .Values.global.imagePullSecrets .Values.imagePullSecrets -}}
{{- $secrets = append $secrets (ternary (dict "name" .) . (kindIs "string" .)) -}}
{{- end -}}
{{- if $secrets -}}
{{- $secrets | uniq | toYaml -}}
{{- end -}}
{{- end -}}

{{/* A probe without its `enabled`; dict "probe" <map> "handler" <map>, used when the probe has no handler. */}}
{{- define "log-sidecar.probe" -}}
{{- $probe := omit .probe "enabled" -}}
{{- if not (or $probe.httpGet $probe.exec $probe.tcpSocket $probe.grpc) -}}
{{- $probe = ternary (merge (dict) $probe .handler) (dict) (gt (len .handler) 0) -}}
{{- end -}}
{{- $probe | toYaml -}}
{{- end -}}

{{/* Whether the application's pod runs to its end: "true" for a Job or CronJob. */}}
{{- define "log-sidecar.runsToEnd" -}}
{{- if has .Values.app.kind (list "Job" "CronJob") }}true{{ end -}}
{{- end -}}

{{/* Whether there is a Service before the application. */}}
{{- define "log-sidecar.hasService" -}}
{{- if and .Values.app.enabled .Values.app.service.enabled (not (include "log-sidecar.runsToEnd" .)) }}true{{ end -}}
{{- end -}}

{{/* Whether the chart makes a claim of its own, apart from those of a StatefulSet. */}}
{{- define "log-sidecar.makesClaim" -}}
{{- $volume := .Values.logs.volume -}}
{{- if and .Values.app.enabled (eq $volume.type "persistentVolumeClaim") (not $volume.persistentVolumeClaim.existingClaim) -}}
{{- if ne .Values.app.kind "StatefulSet" }}true{{ end -}}
{{- end -}}
{{- end -}}

{{/* Whether the sidecars read their configuration from a ConfigMap. */}}
{{- define "log-sidecar.hasConfig" -}}
{{- if and .Values.app.enabled .Values.sidecar.enabled (ne .Values.sidecar.engine "tail") }}true{{ end -}}
{{- end -}}

{{/* Whether the engine keeps positions and buffers. */}}
{{- define "log-sidecar.hasState" -}}
{{- if has .Values.sidecar.engine (list "fluent-bit" "fluentd") }}true{{ end -}}
{{- end -}}

{{/* Whether the demo application runs. */}}
{{- define "log-sidecar.hasDemo" -}}
{{- if and .Values.app.enabled .Values.app.demo.enabled }}true{{ end -}}
{{- end -}}
