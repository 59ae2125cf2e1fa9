{{/*
Parts for pods of other charts, which have this one as a dependency; docs/named-templates.md describes them. All take
the context of the dependency, `(index .Subcharts "log-sidecar")`, return a YAML list or map, or nothing, and reject
wrong values.
*/}}

{{/* Volume names start with the dependency's name, to avoid collisions with the other chart's volumes. */}}
{{- define "log-sidecar.parts.volumeNames" -}}
{{- $volumes := dict -}}
{{- range list "logs" "state" "ca" -}}
{{- /* The name of an output, of at most 40 characters, follows that of its volume. */ -}}
{{- $_ := set $volumes . (printf "%s-%s" (include "log-sidecar.name" $ | trunc (ternary 19 57 (eq . "ca")) | trimSuffix "-") .) -}}
{{- end -}}
{{- $volumes | toJson -}}
{{- end -}}

{{- define "log-sidecar.parts.sidecars" -}}
{{- include "log-sidecar.parts.validate" . -}}
{{- $volumes := include "log-sidecar.parts.volumeNames" . | fromJson -}}
{{- $containers := list -}}
{{- range include "log-sidecar.listSidecars" (dict "root" . "inline" true "volumes" $volumes) | fromJsonArray -}}
{{- $container := include "log-sidecar.sidecarContainer" (dict "root" $ "sidecar" .) | fromYaml -}}
{{- $containers = append $containers $container -}}
{{- end -}}
{{- $values := list -}}
{{- range $containers }}{{ $values = append $values (dict "path" "sidecar" "block" $.Values.sidecar "container" .name) }}{{ end -}}
{{- include "log-sidecar.checkPod" (dict "root" . "pod" (dict "containers" $containers) "of" "the parent chart" "values" $values) -}}
{{- with $containers -}}
{{- toYaml . -}}
{{- end -}}
{{- end -}}

{{/* Native sidecars, to be put before the pod's own `initContainers`. */}}
{{- define "log-sidecar.parts.initContainers" -}}
{{- if include "log-sidecar.parts.isNative" . -}}
{{- include "log-sidecar.parts.sidecars" . -}}
{{- end -}}
{{- end -}}

{{/* Plain sidecars, `sidecar.native: false`, for the pod's `containers`. */}}
{{- define "log-sidecar.parts.containers" -}}
{{- if not (include "log-sidecar.parts.isNative" .) -}}
{{- include "log-sidecar.parts.sidecars" . -}}
{{- end -}}
{{- end -}}

{{- define "log-sidecar.parts.isNative" -}}
{{- include "log-sidecar.parts.validate" . -}}
{{- if .Values.sidecar.native }}true{{ end -}}
{{- end -}}

{{/* The pod's volumes: that of the log files, unless it is the other chart's, and that of the engine's state. */}}
{{- define "log-sidecar.parts.volumes" -}}
{{- include "log-sidecar.parts.validate" . -}}
{{- $scope := dict "root" . "volumes" (include "log-sidecar.parts.volumeNames" . | fromJson) -}}
{{- if .Values.sidecar.enabled -}}
{{- printf "%s%s" (include "log-sidecar.logsVolume" $scope) (include "log-sidecar.stateVolume" $scope) | trim -}}
{{- with include "log-sidecar.caVolumes" $scope }}
{{ . }}
{{- end -}}
{{- else -}}
{{- include "log-sidecar.logsVolume" $scope | trim -}}
{{- end -}}
{{- end -}}

{{/* The mounts of the container that writes the log files. */}}
{{- define "log-sidecar.parts.volumeMounts" -}}
{{- include "log-sidecar.parts.validate" . -}}
{{- $volumes := include "log-sidecar.parts.volumeNames" . | fromJson -}}
{{- list (include "log-sidecar.logsMount" (dict "root" . "volumes" $volumes) | fromYaml) | toYaml -}}
{{- end -}}

{{/* A security context for the pod with which the sidecar may read what the application writes. */}}
{{- define "log-sidecar.parts.podSecurityContext" -}}
{{- include "log-sidecar.parts.validate" . -}}
{{- with .Values.podSecurityContext -}}
{{- toYaml . -}}
{{- end -}}
{{- end -}}

{{- define "log-sidecar.parts.validate" -}}
{{- $checks := list "Parts" "Files" "PartsVolume" "Native" "Drain" "Engine" "Fluentd" "Sumologic" "Output" -}}
{{- include "log-sidecar.runChecks" (dict "root" . "checks" $checks) -}}
{{- end -}}

{{- define "log-sidecar.checkParts" -}}
{{- include "log-sidecar.reject" (list .Values.app.enabled "`app.enabled` is true: the chart would install its own application in addition to yours."
  "app.enabled" false) }}
{{- end -}}

{{- define "log-sidecar.checkPartsVolume" -}}
{{- $volume := .Values.logs.volume -}}
{{- include "log-sidecar.reject" (list (and (eq $volume.type "persistentVolumeClaim") (not $volume.persistentVolumeClaim.existingClaim))
  "`logs.volume.type` is persistentVolumeClaim, but this chart creates no claim for the pod of another chart. Write the name of your claim:"
  "logs.volume.persistentVolumeClaim.existingClaim" "my-logs") }}
{{- end -}}
