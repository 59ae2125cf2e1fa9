{{/*
Parts for pods of other charts, which have this one as a dependency; docs/named-templates.md describes them. Each
expects the context of the dependency, `(index .Subcharts "log-sidecar")`, returns a YAML list or map, or nothing, and
rejects invalid values.
*/}}

{{/* Volume names start with the dependency's name, to avoid collisions with the other chart's volumes. */}}
{{- define "log-sidecar.parts.volumeNames" -}}
{{- $volumes := dict -}}
{{- range list "logs" "state" "ca" -}}
{{- /* Names of CA volumes end with the output's name of up to 40 characters. */ -}}
{{- $_ := set $volumes . (printf "%s-%s" (include "log-sidecar.name" $ | trunc (ternary 19 57 (eq . "ca")) | trimSuffix "-") .) -}}
{{- end -}}
{{- $volumes | toJson -}}
{{- end -}}

{{- define "log-sidecar.parts.sidecars" -}}
{{- include "log-sidecar.parts.validate" . -}}
{{- $containers := list -}}
{{- $values := list -}}
{{- $names := include "log-sidecar.parts.volumeNames" . | fromJson -}}
{{- range include "log-sidecar.listSidecars" (dict "root" . "inline" true "volumes" $names) | fromJsonArray -}}
{{- $containers = append $containers (include "log-sidecar.sidecarContainer" (dict "root" $ "sidecar" .) | fromJson) -}}
{{- $values = append $values (dict "path" "sidecar" "block" $.Values.sidecar "container" .name) -}}
{{- end -}}
{{- include "log-sidecar.checkPod" (dict "root" . "pod" (dict "containers" $containers) "of" "the parent chart" "values" $values) -}}
{{- with $containers }}{{ toYaml . }}{{ end -}}
{{- end -}}

{{/* Native sidecars, to be put before the pod's own `initContainers`. */}}
{{- define "log-sidecar.parts.initContainers" -}}
{{- include "log-sidecar.parts.validate" . -}}
{{- if .Values.sidecar.native }}{{ include "log-sidecar.parts.sidecars" . }}{{ end -}}
{{- end -}}

{{/* Plain sidecars, `sidecar.native: false`, for the pod's `containers`. */}}
{{- define "log-sidecar.parts.containers" -}}
{{- include "log-sidecar.parts.validate" . -}}
{{- if not .Values.sidecar.native }}{{ include "log-sidecar.parts.sidecars" . }}{{ end -}}
{{- end -}}

{{/* The pod's volumes: the log files, unless the other chart has their volume, the engine's state and CA certificates. */}}
{{- define "log-sidecar.parts.volumes" -}}
{{- include "log-sidecar.parts.validate" . -}}
{{- $scope := dict "root" . "volumes" (include "log-sidecar.parts.volumeNames" . | fromJson) -}}
{{- $volumes := include "log-sidecar.logsVolumes" $scope | fromYamlArray -}}
{{- if .Values.sidecar.enabled }}{{ $volumes = concat $volumes (include "log-sidecar.sidecarVolumes" $scope | fromYamlArray) }}{{ end -}}
{{- with $volumes }}{{ toYaml . }}{{ end -}}
{{- end -}}

{{/* The mounts of the container that writes the log files. */}}
{{- define "log-sidecar.parts.volumeMounts" -}}
{{- include "log-sidecar.parts.validate" . -}}
{{- include "log-sidecar.logsMounts" (dict "root" . "volumes" (include "log-sidecar.parts.volumeNames" . | fromJson)) | fromYamlArray | toYaml -}}
{{- end -}}

{{/* A security context for the pod that lets the sidecar read the application's files. */}}
{{- define "log-sidecar.parts.podSecurityContext" -}}
{{- include "log-sidecar.parts.validate" . -}}
{{- with .Values.podSecurityContext }}{{ toYaml . }}{{ end -}}
{{- end -}}

{{- define "log-sidecar.parts.validate" -}}
{{- $checks := list "Parts" "Files" "PartsVolume" "Native" "Drain" "Engine" "Fluentd" "Sumologic" "Proxy" "Output" -}}
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
