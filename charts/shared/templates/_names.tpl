{{/* Names and labels of objects. */}}

{{/* Name of the application in labels. Argument: the root. */}}
{{- define "shared.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* Never cut: two releases would share a name. `shared.checkFullname` rejects what is too long. Argument: the root. */}}
{{- define "shared.fullname" -}}
{{- $name := include "shared.name" . -}}
{{- $ofRelease := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- .Values.fullnameOverride | default $ofRelease -}}
{{- end -}}

{{/*
Rejects a full name that is no DNS label, or too long for the suffixes of the chart's objects: `shared.fullnameLimit` of
the chart returns how many characters it may have. Argument: the root.
*/}}
{{- define "shared.checkFullname" -}}
{{- $name := include "shared.fullname" . -}}
{{- $limit := include "shared.fullnameLimit" . | int -}}
{{- $named := .Values.fullnameOverride | default .Release.Name -}}
{{- $source := .Values.fullnameOverride | empty | ternary (printf "the release name %q" .Release.Name) "fullnameOverride" -}}
{{- $legal := ternary $name (printf "%s-%s" .Chart.Name $named) (regexMatch "^[A-Za-z]" $name) | lower -}}
{{- include "shared.reject" (list (or (gt (len $name) $limit) (not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" $name)))
  (printf "The names of the objects would start with %q, from %s. Kubernetes requires names that start with a letter, end with a letter or digit, and contain only lowercase letters, digits and dashes. At most %d characters leave room for the suffixes of this chart." $name $source $limit)
  "fullnameOverride" (regexReplaceAll "-+$" (regexReplaceAll "[^-a-z0-9]+" $legal "-" | trunc $limit) "")) }}
{{- end -}}

{{/*
Name of an object of the whole cluster: dict "root" $ "name" <full name, or that of a component>. Neither part contains a
dot. Joined by a dash, namespace a-b with release c and namespace a with release b-c would share a name.
*/}}
{{- define "shared.clusterWideName" -}}
{{- printf "%s.%s" .name .root.Release.Namespace -}}
{{- end -}}

{{/* Selectors never change: nothing that a user or a release can change belongs here. dict "root" $ "component" <name>. */}}
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
The metadata of an object: dict "root" $ "component" <name> "name" <name> and "labels", "annotations" <map> and, for another
namespace than the release's, "namespace" <name>. An object of the whole cluster has no namespace: "clusterWide" true.
*/}}
{{- define "shared.metadata" -}}
name: {{ .name | quote }}
{{- if not .clusterWide }}
namespace: {{ .namespace | default .root.Release.Namespace | quote }}
{{- end }}
labels:
  {{- include "shared.labels" (dict "root" .root "component" .component "extra" .labels) | nindent 2 }}
{{- with mergeOverwrite (dict) .root.Values.commonAnnotations (.annotations | default dict) }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
