{{/* Names and labels of objects. */}}

{{/* Name of the application in labels. Argument: the root. */}}
{{- define "shared.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* Not longer than 50, so that a suffix still fits into 63. Argument: the root. */}}
{{- define "shared.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- $name := include "shared.name" . -}}
{{- ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Selectors are for ever: nothing that a user or a release can change belongs here. dict "root" $ "component" <name>. */}}
{{- define "shared.selectorLabels" -}}
app.kubernetes.io/name: {{ include "shared.name" .root | quote }}
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
app.kubernetes.io/component: {{ .component | quote }}
{{- end -}}

{{/* Labels of an object: dict "root" $ "component" <name> and, if it has labels of its own, "extra" <map>. */}}
{{- define "shared.labels" -}}
{{- $own := dict
  "app.kubernetes.io/name" (include "shared.name" .root)
  "app.kubernetes.io/instance" .root.Release.Name
  "app.kubernetes.io/component" .component
  "app.kubernetes.io/version" (.root.Chart.AppVersion | trunc 63)
  "app.kubernetes.io/managed-by" .root.Release.Service
  "helm.sh/chart" (printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-")
-}}
{{- mergeOverwrite (dict) .root.Values.commonLabels (.extra | default dict) $own | toYaml -}}
{{- end -}}

{{/*
The metadata of an object: dict "root" $ "component" <name> "name" <name> and "labels", "annotations" <map>.
An object of the whole cluster has no namespace: "clusterWide" true.
*/}}
{{- define "shared.metadata" -}}
name: {{ .name | quote }}
{{- if not .clusterWide }}
namespace: {{ .root.Release.Namespace | quote }}
{{- end }}
labels:
  {{- include "shared.labels" (dict "root" .root "component" .component "extra" .labels) | nindent 2 }}
{{- with mergeOverwrite (dict) .root.Values.commonAnnotations (.annotations | default dict) }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
