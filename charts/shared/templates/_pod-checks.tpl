{{/* Checks of a whole pod, after its parts have been put together: what Kubernetes would reject, or silently merge. */}}

{{/* Texts that a list contains more than once: a list; returns a JSON list. */}}
{{- define "shared.duplicates" -}}
{{- $seen := list -}}
{{- $twice := list -}}
{{- range . -}}
{{- if has . $seen }}{{ $twice = append $twice . }}{{ end -}}
{{- $seen = append $seen . -}}
{{- end -}}
{{- $twice | uniq | toJson -}}
{{- end -}}

{{/*
Fails if a name, port or mount path occurs twice in a pod; returns nothing otherwise. dict "pod" <pod specification> "name"
<of the workload>. Users add to these lists with `extra...` values.
*/}}
{{- define "shared.checkPod" -}}
{{- $messages := list -}}
{{- $containers := concat (.pod.initContainers | default list) (.pod.containers | default list) -}}
{{- $names := dict "containers" list "volumes" list -}}
{{- range $containers }}{{ $_ := set $names "containers" (append $names.containers .name) }}{{ end -}}
{{- range .pod.volumes }}{{ $_ := set $names "volumes" (append $names.volumes .name) }}{{ end -}}
{{- range $kind, $found := $names -}}
{{- range include "shared.duplicates" $found | fromJsonArray -}}
{{- $values := ternary "extraVolumes" "extraContainers or extraInitContainers" (eq $kind "volumes") -}}
{{- $messages = append $messages (printf "The pod of %s has two %s named %q. Choose another name in %s." $.name $kind . $values) -}}
{{- end -}}
{{- end -}}
{{- range $container := $containers -}}
{{- $names := dict "environment variable" list "port name" list "port" list "mount path" list -}}
{{- range .env }}{{ $_ := set $names "environment variable" (append (get $names "environment variable") .name) }}{{ end -}}
{{- range .ports -}}
{{- with .name }}{{ $_ := set $names "port name" (append (get $names "port name") .) }}{{ end -}}
{{- $_ := set $names "port" (append $names.port (printf "%d/%s" (int .containerPort) (.protocol | default "TCP"))) -}}
{{- end -}}
{{- range .volumeMounts }}{{ $_ := set $names "mount path" (append (get $names "mount path") .mountPath) }}{{ end -}}
{{- $values := dict "environment variable" "env or extraEnv" "port name" "ports" "port" "ports" "mount path" "extraVolumeMounts" -}}
{{- range $kind, $found := $names -}}
{{- range include "shared.duplicates" $found | fromJsonArray -}}
{{- $messages = append $messages (printf "Container %q of %s has the %s %q twice. Remove it from the %s of that container, or rename it." $container.name $.name $kind . (get $values $kind)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- with $messages }}{{ fail (printf "\n\n%s\n" (join "\n\n" .)) }}{{ end -}}
{{- end -}}
