{{/* The application's pod, identical in every kind of workload. */}}

{{- define "log-sidecar.appContainer" -}}
{{- $app := .Values.app -}}
{{- $demo := include "log-sidecar.hasDemo" . -}}
{{- $serves := and $demo (not (include "log-sidecar.runsToEnd" .)) -}}
{{- $env := concat $app.env $app.extraEnv -}}
{{- $command := pick $app "args" "command" -}}
{{- $handlers := dict -}}
{{- $mounts := list -}}
{{- $own := list -}}
{{- range $app.extraVolumeMounts }}{{ $own = append $own .mountPath }}{{ end -}}
{{- range include "log-sidecar.logsMounts" (dict "root" .) | fromYamlArray }}{{ if not (has .mountPath $own) }}{{ $mounts = append $mounts . }}{{ end }}{{ end -}}
{{- if $demo -}}
{{- $env = concat (include "log-sidecar.demoEnv" . | fromYamlArray) $env -}}
{{- $command = dict "args" (ternary list (list "batch") $serves) "command" (list "python3" "-u" "-B" "/opt/demo/app.py") -}}
{{- $mounts = append $mounts (dict "name" "demo" "mountPath" "/opt/demo" "readOnly" true) -}}
{{- end -}}
{{- if $serves -}}
{{- $healthz := dict "httpGet" (dict "path" "/healthz" "port" (first $app.ports).containerPort) -}}
{{- $handlers = dict "livenessProbe" $healthz "readinessProbe" $healthz -}}
{{- end -}}
{{- if $app.tmp.enabled }}{{ $mounts = append $mounts (dict "name" "tmp" "mountPath" "/tmp") }}{{ end -}}
{{- if include "log-sidecar.demoShips" . -}}
{{- $mounts = concat $mounts (include "log-sidecar.caMounts" (dict "root" . "outputs" (include "log-sidecar.activeOutputs" . | fromJsonArray)) | fromYamlArray) -}}
{{- end -}}
{{- $container := merge $command
  (include "log-sidecar.probes" (dict "values" $app "handlers" $handlers) | fromJson)
  (pick $app "name" "lifecycle" "ports" "resources" "securityContext" "workingDir")
  (dict
    "env" $env
    "envFrom" (concat $app.envFrom $app.extraEnvFrom)
    "image" (include "log-sidecar.image" (dict "root" . "image" $app.image))
    "imagePullPolicy" $app.image.pullPolicy
    "volumeMounts" (concat $mounts ($app.extraVolumeMounts | default list))
  )
-}}
{{- include "log-sidecar.nonEmpty" $container -}}
{{- end -}}

{{/* A volume `emptyDir`: dict "name" <name> "settings" <map of medium and sizeLimit>; returns a YAML list. */}}
{{- define "log-sidecar.emptyDir" -}}
{{- $settings := include "log-sidecar.nonEmpty" (pick .settings "medium" "sizeLimit") | fromJson -}}
{{- list (dict "name" .name "emptyDir" $settings) | toYaml -}}
{{- end -}}

{{/* The volumes of the log files that the pod does not have already: dict "root" $ and "volumes" as for `log-sidecar.volumeName`; returns a YAML list. */}}
{{- define "log-sidecar.logsVolumes" -}}
{{- $volume := .root.Values.logs.volume -}}
{{- $name := include "log-sidecar.volumeName" (merge (dict "volume" "logs") .) -}}
{{- if eq $volume.type "emptyDir" -}}
{{- $existing := list -}}
{{- range .root.Values.logs.extraDirectories }}{{ with .existing }}{{ $existing = append $existing .name }}{{ end }}{{ end -}}
{{- range include "log-sidecar.logsMounts" . | fromYamlArray }}{{ if not (has .name $existing) }}
{{ include "log-sidecar.emptyDir" (dict "name" .name "settings" $volume.emptyDir) }}
{{- end }}{{ end -}}
{{- else if eq $volume.type "persistentVolumeClaim" -}}
{{- list (dict "name" $name "persistentVolumeClaim" (dict "claimName" (include "log-sidecar.claimName" .root))) | toYaml -}}
{{- end -}}
{{- end -}}

{{/* The volumes of the sidecars: the engine's state, unless the claim of the log files holds it, and CA certificates; arguments as above. */}}
{{- define "log-sidecar.sidecarVolumes" -}}
{{- $volumes := list -}}
{{- if and (include "log-sidecar.engineKeepsState" .root) (ne .root.Values.logs.volume.type "persistentVolumeClaim") -}}
{{- $name := include "log-sidecar.volumeName" (merge (dict "volume" "state") .) -}}
{{- $settings := dict "medium" (include "log-sidecar.stateMedium" .root) "sizeLimit" .root.Values.sidecar.state.sizeLimit -}}
{{- $volumes = include "log-sidecar.emptyDir" (dict "name" $name "settings" $settings) | fromYamlArray -}}
{{- end -}}
{{- with concat $volumes (include "log-sidecar.caVolumes" . | fromYamlArray) }}{{ toYaml . }}{{ end -}}
{{- end -}}

{{- define "log-sidecar.podVolumes" -}}
{{- $name := include "log-sidecar.fullname" . -}}
{{- $volumes := list -}}
{{- if not (include "log-sidecar.claimTemplates" .) }}{{ $volumes = include "log-sidecar.logsVolumes" (dict "root" .) | fromYamlArray }}{{ end -}}
{{- $config := include "log-sidecar.volumeName" (dict "root" . "volume" "config") -}}
{{- $tmp := dict "emptyDir" (pick .Values.app.tmp "sizeLimit") -}}
{{- if include "log-sidecar.hasDemo" . }}{{ $volumes = append $volumes (dict "name" "demo" "configMap" (dict "name" (printf "%s-demo" $name))) }}{{ end -}}
{{- if .Values.app.tmp.enabled }}{{ $volumes = append $volumes (merge (dict "name" "tmp") $tmp) }}{{ end -}}
{{- if include "log-sidecar.hasSidecarConfig" . }}{{ $volumes = append $volumes (dict "name" $config "configMap" (dict "name" (printf "%s-sidecar" $name))) }}{{ end -}}
{{- if .Values.sidecar.enabled -}}
{{- $volumes = concat $volumes (include "log-sidecar.sidecarVolumes" (dict "root" .) | fromYamlArray) -}}
{{- else if include "log-sidecar.demoShips" . -}}
{{- $volumes = concat $volumes (include "log-sidecar.caVolumes" (dict "root" .) | fromYamlArray) -}}
{{- end -}}
{{- concat $volumes (.Values.extraVolumes | default list) | toYaml -}}
{{- end -}}

{{/* Annotations of the pod: a changed configuration recreates the pods. */}}
{{- define "log-sidecar.podAnnotations" -}}
{{- $annotations := dict "kubectl.kubernetes.io/default-container" .Values.app.name -}}
{{- $demo := printf "%s%s" (.Files.Get "files/demo/app.py") (include "log-sidecar.demoData" .) -}}
{{- if include "log-sidecar.hasDemo" . }}{{ $_ := set $annotations "checksum/demo" (sha256sum $demo) }}{{ end -}}
{{- if include "log-sidecar.hasSidecarConfig" . }}{{ $_ := set $annotations "checksum/sidecar" (include "log-sidecar.configData" . | sha256sum) }}{{ end -}}
{{- mergeOverwrite (dict) .Values.commonAnnotations $annotations .Values.podAnnotations | toYaml -}}
{{- end -}}

{{/* The claim templates of a StatefulSet, as a YAML list; nothing for another kind, or with another claim. */}}
{{- define "log-sidecar.claimTemplates" -}}
{{- $claim := .Values.logs.volume.persistentVolumeClaim -}}
{{- if and (eq .Values.app.kind "StatefulSet") (eq .Values.logs.volume.type "persistentVolumeClaim") (not $claim.existingClaim) -}}
{{- /* Without the chart's version, as these templates are immutable. */ -}}
{{- $metadata := dict
  "name" (include "log-sidecar.volumeName" (dict "root" . "volume" "logs"))
  "labels" (include "log-sidecar.selectorLabels" (dict "root" . "component" "app") | fromYaml)
-}}
{{- with $claim.annotations }}{{ $_ := set $metadata "annotations" . }}{{ end -}}
{{- list (dict "apiVersion" "v1" "kind" "PersistentVolumeClaim" "metadata" $metadata "spec" (include "log-sidecar.claimSpec" $claim | fromYaml)) | toYaml -}}
{{- end -}}
{{- end -}}

{{- define "log-sidecar.podSpec" -}}
{{- $values := .Values -}}
{{- $app := include "log-sidecar.appContainer" . | fromJson -}}
{{- $sidecars := list -}}
{{- range include "log-sidecar.sidecars" . | fromJsonArray -}}
{{- $sidecars = append $sidecars (include "log-sidecar.sidecarContainer" (dict "root" $ "sidecar" .) | fromJson) -}}
{{- end -}}
{{- /* The values in which users add to the lists of the pod. */ -}}
{{- $blocks := list (dict "path" "" "block" $values) -}}
{{- range $index, $container := prepend $sidecars $app -}}
{{- $path := eq $index 0 | ternary "app" "sidecar" -}}
{{- $blocks = concat $blocks (list
  (dict "path" $path "block" (get $values $path) "container" .name)
  (dict "path" (printf "%s.name" $path) "block" (dict "" (list (dict "name" .name))))
  (dict "path" "logs.directory" "block" (dict "" (list (dict "mountPath" $values.logs.directory))) "container" .name)
) -}}
{{- range $key, $directory := $values.logs.extraDirectories -}}
{{- $blocks = append $blocks (dict "path" (printf "logs.extraDirectories.%s.path" $key) "block" (dict "" (list (dict "mountPath" .path))) "container" $container.name) -}}
{{- end -}}
{{- end -}}
{{- $selector := dict "labelSelector" (dict "matchLabels" (include "log-sidecar.selectorLabels" (dict "root" . "component" "app") | fromYaml)) -}}
{{- $constraints := list -}}
{{- range $values.topologySpreadConstraints }}{{ $constraints = append $constraints (merge (dict) . (ternary dict $selector (hasKey . "labelSelector"))) }}{{ end -}}
{{- /* A native sidecar comes first: it starts before all other containers and stops after them. */ -}}
{{- $all := merge (pick $values "affinity" "nodeSelector" "priorityClassName" "runtimeClassName" "tolerations") (dict
  "containers" (concat (list $app) (ternary list $sidecars $values.sidecar.native) $values.extraContainers)
  "imagePullSecrets" (include "log-sidecar.imagePullSecrets" . | fromYamlArray)
  "initContainers" (concat (ternary $sidecars list $values.sidecar.native) $values.extraInitContainers)
  "restartPolicy" ($values.app.restartPolicy | default (include "log-sidecar.runsToEnd" . | eq "true" | ternary "Never" ""))
  "securityContext" $values.podSecurityContext
  "serviceAccountName" (include "log-sidecar.serviceAccountName" .)
  "topologySpreadConstraints" $constraints
  "volumes" (include "log-sidecar.podVolumes" . | fromYamlArray)
) -}}
{{- if eq $values.app.kind "DaemonSet" }}{{ $_ := set $all "affinity" (include "log-sidecar.daemonSetAffinity" $values.affinity | fromJson) }}{{ end -}}
{{- $pod := merge (dict
  "automountServiceAccountToken" $values.serviceAccount.automount
  "terminationGracePeriodSeconds" (int64 $values.terminationGracePeriodSeconds)
) (include "log-sidecar.nonEmpty" $all | fromJson) -}}
{{- include "log-sidecar.checkPod" (dict
  "root" .
  "pod" $pod
  "values" $blocks
  "of" (printf "%s %q" $values.app.kind (include "log-sidecar.fullname" .))
  "claims" (include "log-sidecar.claimTemplates" . | fromYamlArray)
) -}}
{{- toJson $pod -}}
{{- end -}}
