{{/*
Pod template, as JSON: dict "root" $ "component" <name> "values" <block> "pod" <helper>. Optional: "owner" <component whose
service account it uses> "containerName" <name> "scope" <argument of the helper, default: the root> "os" windows.

The helper returns YAML: fields of the container, `handlers` of its probes, `annotations` of the pod, `token` (whether the pod
has access to the API server), `initContainers` with the same image and resources, and `volumes`, each with its `mounts`. Lists in the values that begin with `extra` are appended.
*/}}
{{- define "observability-stack.podTemplate" -}}
{{- $values := .values -}}
{{- $os := .os | default "linux" -}}
{{- $own := include .pod (.scope | default .root) | fromYaml -}}
{{- range $field, $items := include "observability-stack.egress" . | fromJson }}{{ $_ := set $own $field (concat (get $own $field | default list) ($items | default list)) }}{{ end -}}
{{- $volumes := list -}}
{{- $mounts := list -}}
{{- range $volume := $own.volumes -}}
{{- range .mounts }}{{ $mounts = append $mounts (merge (dict "name" $volume.name) .) }}{{ end -}}
{{- $volumes = append $volumes (omit . "mounts") -}}
{{- end -}}
{{- $own = merge (dict "volumes" $volumes "volumeMounts" (concat $mounts ($own.volumeMounts | default list))) $own -}}
{{- range $field := list "args" "env" "envFrom" "volumeMounts" "volumes" -}}
{{- $_ := set $own $field (concat (get $own $field | default list) (get $values (printf "extra%s" (title $field)) | default list)) -}}
{{- end -}}
{{- $container := merge (omit $own "annotations" "handlers" "initContainers" "token" "volumes") (dict
  "name" (.containerName | default .component)
  "image" (include "observability-stack.image" (dict "root" .root "image" $values.image))
  "imagePullPolicy" $values.image.pullPolicy
  "securityContext" $values.securityContext
) (include "observability-stack.probes" (dict "values" $values "handlers" ($own.handlers | default dict)) | fromYaml) -}}
{{- $container = include "observability-stack.nonEmpty" $container | fromJson -}}
{{- $tolerations := $values.tolerations | default list -}}
{{- if eq "DaemonSet" (default "" .kind) -}}
{{- $all := false -}}
{{- range $tolerations }}{{ if not (or .key (eq "NoExecute" (default "" .effect))) }}{{ $all = true }}{{ end }}{{ end -}}
{{- range ternary list .root.Values.nodeTaints $all }}{{ $tolerations = append $tolerations (dict "key" . "operator" "Exists" "effect" "NoSchedule") }}{{ end -}}
{{- end -}}
{{- $spec := merge (dict
  "tolerations" $tolerations
  "os" (ternary (dict "name" $os) dict (eq $os "windows"))
  "nodeSelector" (mergeOverwrite (dict) $values.nodeSelector (dict "kubernetes.io/os" $os))
  "imagePullSecrets" (include "observability-stack.imagePullSecrets" .root | fromYamlArray)
  "serviceAccountName" (include "observability-stack.serviceAccountName" .)
  "dnsPolicy" (and (default false $values.hostNetwork) (eq $os "linux") | ternary "ClusterFirstWithHostNet" "")
  "securityContext" $values.podSecurityContext
  "volumes" $own.volumes
) (pick $values "affinity" "hostNetwork" "priorityClassName" "terminationGracePeriodSeconds" "topologySpreadConstraints") -}}
{{- $spec = include "observability-stack.nonEmpty" $spec | fromJson -}}
{{- if eq "DaemonSet" (default "" .kind) }}{{ $_ := set $spec "affinity" (include "observability-stack.daemonSetAffinity" ($values.affinity | default dict) | fromYaml) }}{{ end -}}
{{- $_ := set $spec "automountServiceAccountToken" ($own.token | default false) -}}
{{- $_ := set $spec "containers" (list (set $container "resources" $values.resources)) -}}
{{- range $own.initContainers }}{{ $_ := set $spec "initContainers" (append ($spec.initContainers | default list) (merge . (pick $container "image" "imagePullPolicy" "resources" "securityContext"))) }}{{ end -}}
{{- $metadata := dict "labels" (include "observability-stack.labels" (dict "root" .root "component" .component "extra" $values.podLabels) | fromYaml) -}}
{{- with mergeOverwrite (dict) .root.Values.commonAnnotations $values.podAnnotations ($own.annotations | default dict) }}{{ $_ := set $metadata "annotations" . }}{{ end -}}
{{- dict "metadata" $metadata "spec" $spec | toJson -}}
{{- end -}}

{{/*
Values of pods on Windows nodes that are host processes, which require the host network, as JSON: only these can read the
performance counters of the node.
*/}}
{{- define "observability-stack.hostProcess" -}}
{{- $process := dict "hostProcess" true "runAsUserName" "NT AUTHORITY\\SYSTEM" -}}
{{- dict "hostNetwork" true "podSecurityContext" (dict "windowsOptions" $process) | toJson -}}
{{- end -}}

{{/* Source of a data volume: dict "root" $ "component" <name> and, for an instance of Prometheus, "owner" server. */}}
{{- define "observability-stack.dataVolume" -}}
{{- if include "observability-stack.hasClaim" . -}}
persistentVolumeClaim:
  claimName: {{ include "observability-stack.componentName" . | quote }}
{{- else -}}
emptyDir:
  sizeLimit: {{ (get .root.Values (.owner | default .component)).persistence.emptyDir.sizeLimit | quote }}
{{- end -}}
{{- end -}}
