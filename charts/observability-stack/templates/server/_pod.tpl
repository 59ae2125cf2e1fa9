{{/* Pods of Prometheus. */}}

{{/* Values of the pods, as JSON. Several instances prefer different nodes, unless the values set an affinity. */}}
{{- define "observability-stack.serverPodValues" -}}
{{- $server := .Values.server -}}
{{- if or $server.affinity (le (mul $server.replicas $server.shards) 1) -}}
{{- $server | toJson -}}
{{- else -}}
{{- $term := dict "topologyKey" "kubernetes.io/hostname" "labelSelector" (include "observability-stack.serverSelector" . | fromYaml) -}}
{{- $preferred := dict "preferredDuringSchedulingIgnoredDuringExecution" (list (dict "weight" 100 "podAffinityTerm" $term)) -}}
{{- mergeOverwrite (dict) $server (dict "affinity" (dict "podAntiAffinity" $preferred)) | toJson -}}
{{- end -}}
{{- end -}}

{{- define "observability-stack.serverChecksums" -}}
{{- $checksums := dict "checksum/config" (include "observability-stack.prometheusConfigData" . | sha256sum) -}}
{{- if include "observability-stack.evaluatesRules" . }}{{ $_ := set $checksums "checksum/rules" (include "observability-stack.rulesData" . | sha256sum) }}{{ end -}}
{{- $checksums | toJson -}}
{{- end -}}

{{/* Container, and volumes below: dict "root" $ "instance" <item of prometheusInstances>. */}}
{{- define "observability-stack.serverContainer" -}}
{{- $server := .root.Values.server -}}
args:
  {{- include "observability-stack.prometheusArgs" . | nindent 2 }}
{{- with $server.extraEnv }}
env:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $server.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
ports:
  - name: http
    containerPort: {{ $server.service.port | int }}
{{ include "observability-stack.httpProbes" (dict "values" $server "paths" (dict "startupProbe" "/-/ready" "livenessProbe" "/-/healthy" "readinessProbe" "/-/ready")) }}
volumeMounts:
  - name: config
    mountPath: /etc/prometheus
    readOnly: true
  {{- if include "observability-stack.evaluatesRules" .root }}
  - name: rules
    mountPath: /etc/prometheus-rules
    readOnly: true
  {{- end }}
  - name: data
    mountPath: /prometheus
  {{- with $server.extraVolumeMounts }}{{ toYaml . | nindent 2 }}{{ end }}
{{- end -}}

{{- define "observability-stack.serverVolumes" -}}
{{- $server := .root.Values.server -}}
- name: config
  configMap:
    name: {{ include "observability-stack.componentName" (dict "root" .root "component" "server") | quote }}
{{- if include "observability-stack.evaluatesRules" .root }}
- name: rules
  configMap:
    name: {{ include "observability-stack.componentName" (dict "root" .root "component" "rules") | quote }}
{{- end }}
{{ include "observability-stack.dataVolume" (dict "persistence" $server.persistence "claim" (ternary .instance.name "" (ne "" (include "observability-stack.prometheusHasClaim" .root)))) }}
{{- with $server.extraVolumes }}{{ toYaml . | nindent 0 }}{{ end }}
{{- end -}}
