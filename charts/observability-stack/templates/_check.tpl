{{/*
The check of an agent before it changes: a Job starts Fluent Bit with its new configuration, without the files of a node, the data of
a claim and a token. It fails if Fluent Bit does not start with what a user wrote, which no template can check. The first record of
`check.yaml` ends the agent. Arguments: dict "root" $ "component" <logs or events>.
*/}}

{{/* Whether there is a Job: the configuration contains what only Fluent Bit can check. */}}
{{- define "observability-stack.checks" -}}
{{- $values := get .root.Values .component -}}
{{- $written := list -}}
{{- range list "extraFilters" "extraProcessors" "extraParsers" "extraMultilineParsers" }}{{ $written = append $written (get $values .) }}{{ end -}}
{{- range include "observability-stack.receivers" . | fromJsonArray }}{{ if eq .type "custom" }}{{ $written = append $written .name }}{{ end }}{{ end -}}
{{- if and $values.enabled $values.checkConfig (compact $written) (ne (get $values "engine") "fluentd") }}true{{ end -}}
{{- end -}}

{{/* Metadata of the Job and its ConfigMap, with "weight" <order of the hooks>. */}}
{{- define "observability-stack.checkMetadata" -}}
{{- $hook := dict "helm.sh/hook" "pre-install,pre-upgrade" "helm.sh/hook-weight" .weight "helm.sh/hook-delete-policy" "before-hook-creation,hook-succeeded" -}}
{{- include "observability-stack.componentMetadata" (dict "root" .root "component" (printf "%s-check" .component) "annotations" $hook) -}}
{{- end -}}

{{/* The ConfigMap of the Job, with "data" <helper of the agent's data>. */}}
{{- define "observability-stack.checkConfigMap" -}}
{{- if include "observability-stack.checks" . }}
{{- $stop := dict "name" "lua" "call" "stop" "code" "function stop() os.exit(0) end" }}
{{- $input := dict "name" "dummy" "alias" "_check" "tag" "_check" "samples" 1 "processors" (dict "logs" (list $stop)) }}
---
apiVersion: v1
kind: ConfigMap
metadata:
  {{- include "observability-stack.checkMetadata" (merge (dict "weight" "-1") .) | nindent 2 }}
data:
  check.yaml: |
    {{- dict "includes" (list "fluent-bit.yaml") "pipeline" (dict "inputs" (list $input)) | toYaml | nindent 4 }}
  {{- include .data .root | nindent 2 }}
{{- end }}
{{- end -}}

{{/* The Job, with "pod" <helper of the agent's pod>. */}}
{{- define "observability-stack.checkJob" -}}
{{- if include "observability-stack.checks" . }}
{{- $values := get .root.Values .component -}}
{{- $check := printf "%s-check" .component -}}
{{- $pod := (include "observability-stack.podTemplate" (dict "root" .root "component" .component "values" $values "pod" .pod) | fromJson).spec -}}
{{- $volumes := list -}}
{{- $empty := list -}}
{{- range $volume := $pod.volumes -}}
{{- if or (hasKey . "hostPath") (hasKey . "persistentVolumeClaim") }}{{ $empty = append $empty .name }}{{ $volume = dict "name" .name "emptyDir" (dict "sizeLimit" "16Mi") }}{{ end -}}
{{- if eq .name "config" }}{{ $volume = dict "name" "config" "configMap" (dict "name" (include "observability-stack.componentName" (dict "root" $.root "component" $check))) }}{{ end -}}
{{- $volumes = append $volumes $volume -}}
{{- end -}}
{{- $container := omit (first $pod.containers) "lifecycle" "livenessProbe" "ports" "readinessProbe" "startupProbe" -}}
{{- /* One directory is below another, so the runtime has to create it there. */ -}}
{{- $mounts := list -}}
{{- $config := "" -}}
{{- range $container.volumeMounts -}}
{{- $mounts = append $mounts (has .name $empty | ternary (omit . "readOnly" "mountPropagation") .) -}}
{{- if eq .name "config" }}{{ $config = .mountPath }}{{ end -}}
{{- end -}}
{{- /* The collector of events does not start without the certificate of the API server, which it does not ask here. */ -}}
{{- if $pod.automountServiceAccountToken -}}
{{- $mounts = append $mounts (dict "name" "api-ca" "mountPath" "/var/run/secrets/kubernetes.io/serviceaccount" "readOnly" true) -}}
{{- $volumes = append $volumes (dict "name" "api-ca" "configMap" (dict "name" "kube-root-ca.crt")) -}}
{{- end -}}
{{- $container = merge (dict "name" "check" "args" (list (printf "--config=%s/check.yaml" $config)) "volumeMounts" $mounts) $container -}}
{{- $user := dict "runAsNonRoot" true "runAsUser" 65532 "runAsGroup" 65532 "fsGroup" 65532 "seccompProfile" (dict "type" "RuntimeDefault") -}}
{{- $spec := merge (dict "automountServiceAccountToken" false "containers" (list $container) "restartPolicy" "Never" "securityContext" $user "volumes" $volumes) (pick $pod "imagePullSecrets" "nodeSelector" "tolerations") -}}
apiVersion: batch/v1
kind: Job
metadata:
  {{- include "observability-stack.checkMetadata" (merge (dict "weight" "0") .) | nindent 2 }}
spec:
  activeDeadlineSeconds: 240
  backoffLimit: 0
  template:
    metadata:
      labels:
        {{- include "observability-stack.labels" (dict "root" .root "component" $check "extra" $values.podLabels) | nindent 8 }}
    spec:
      {{- toYaml $spec | nindent 6 }}
{{- end }}
{{- end -}}
