{{/*
What the charts of this repository share: names, labels, images, probes, refusals. Every chart that uses it has the
same file, which a test compares. A library chart would put its own name among the parent's values, which a closed
schema refuses.
*/}}

{{/* Name of the application in labels. Argument: the root. */}}
{{- define "eks-common.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* Not longer than 50, so that a suffix still fits into 63. Argument: the root. */}}
{{- define "eks-common.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- $name := include "eks-common.name" . -}}
{{- ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* Selectors are for ever: nothing that a user or a release can change belongs here. dict "root" $ "component" <name>. */}}
{{- define "eks-common.selectorLabels" -}}
app.kubernetes.io/name: {{ include "eks-common.name" .root | quote }}
app.kubernetes.io/instance: {{ .root.Release.Name | quote }}
app.kubernetes.io/component: {{ .component | quote }}
{{- end -}}

{{/* Labels of an object: dict "root" $ "component" <name> and, if it has labels of its own, "extra" <map>. */}}
{{- define "eks-common.labels" -}}
{{- $own := dict
  "app.kubernetes.io/name" (include "eks-common.name" .root)
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
{{- define "eks-common.metadata" -}}
name: {{ .name | quote }}
{{- if not .clusterWide }}
namespace: {{ .root.Release.Namespace | quote }}
{{- end }}
labels:
  {{- include "eks-common.labels" (dict "root" .root "component" .component "extra" .labels) | nindent 2 }}
{{- with mergeOverwrite (dict) .root.Values.commonAnnotations (.annotations | default dict) }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* Full name of an image: dict "root" $ "image" <map>. */}}
{{- define "eks-common.image" -}}
{{- $registry := default .image.registry .root.Values.global.imageRegistry -}}
{{- $name := ternary (printf "%s/%s" $registry .image.repository) .image.repository (ne $registry "") -}}
{{- if .image.digest -}}
{{- printf "%s@%s" $name .image.digest -}}
{{- else -}}
{{- printf "%s:%s" $name .image.tag -}}
{{- end -}}
{{- end -}}

{{/* Pull secrets, global ones first, each once; argument: the root. */}}
{{- define "eks-common.imagePullSecrets" -}}
{{- $secrets := list -}}
{{- range concat .Values.global.imagePullSecrets .Values.imagePullSecrets -}}
{{- $secrets = append $secrets (ternary (dict "name" .) . (kindIs "string" .)) -}}
{{- end -}}
{{- if $secrets -}}
{{- $secrets | uniq | toYaml -}}
{{- end -}}
{{- end -}}

{{/* A probe without its `enabled`; dict "probe" <map> "handler" <map>, used when the probe has no handler. */}}
{{- define "eks-common.probe" -}}
{{- $probe := omit .probe "enabled" -}}
{{- if not (or $probe.httpGet $probe.exec $probe.tcpSocket $probe.grpc) -}}
{{- $probe = ternary (merge (dict) $probe .handler) (dict) (gt (len .handler) 0) -}}
{{- end -}}
{{- $probe | toYaml -}}
{{- end -}}

{{/*
Stops with the messages of all checks, or not at all: dict "root" $ "checks" <names of helpers>. A check returns
messages that are parted by form feeds, which no value can contain.
*/}}
{{- define "eks-common.refuse" -}}
{{- $messages := list -}}
{{- range .checks -}}
{{- range include . $.root | splitList "\f" -}}
{{- with trim . -}}
{{- $messages = append $messages . -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- if $messages -}}
{{- fail (printf "\n\n%s\n" (join "\n\n" $messages)) -}}
{{- end -}}
{{- end -}}
