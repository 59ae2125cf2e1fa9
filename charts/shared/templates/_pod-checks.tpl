{{/* Checks of finished lists: names that occur twice, which the API server rejects with a message about its patches. */}}

{{/*
What occurs more than once in a list of strings, as a JSON list. Argument: the list.
*/}}
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
The key of an item in a list that Kubernetes merges by key, empty where it has none: dict "kind" <as in shared.podLists>
"item" <map>. Windows compares paths without regard to case.
*/}}
{{- define "shared.listKey" -}}
{{- if eq .kind "port" -}}
{{- with .item.containerPort | default .item.port }}{{ printf "%d/%s" (int .) ($.item.protocol | default "TCP") }}{{ end -}}
{{- else if eq .kind "host port" -}}
{{- with .item.hostPort }}{{ printf "%s%d/%s" ($.item.hostIP | default "" ) (int .) ($.item.protocol | default "TCP") }}{{ end -}}
{{- else if eq .kind "mount path" -}}
{{- $path := .item.mountPath | default "" -}}
{{- $path = ternary ($path | lower | replace "/" "\\") $path (regexMatch "^[A-Za-z]:" $path) -}}
{{- ternary $path (regexReplaceAll "(.)[/\\\\]+$" $path "$1") (eq $path "/") -}}
{{- else if eq .kind "device path" -}}
{{- .item.devicePath -}}
{{- else if eq .kind "topology spread constraint" -}}
{{- printf "%s, %s" .item.topologyKey .item.whenUnsatisfiable -}}
{{- else -}}
{{- .item.name | default "" -}}
{{- end -}}
{{- end -}}

{{/*
Messages about what occurs twice in lists of one kind, each with a form feed behind it: dict "kind" <of the list> "items"
<list> "where" <subject of the message> "values" <list of dict "path" "block", in which users add to the list> "fields"
<names of these lists in a block; empty where the path is that of a single value> "fallback" <path, if no block has the item>.
*/}}
{{- define "shared.duplicateItems" -}}
{{- $keys := list -}}
{{- range .items -}}
{{- with include "shared.listKey" (dict "kind" $.kind "item" .) }}{{ $keys = append $keys . }}{{ end -}}
{{- end -}}
{{- range $key := include "shared.duplicates" $keys | fromJsonArray -}}
{{- $paths := list -}}
{{- range $values := $.values -}}
{{- range $field := $.fields -}}
{{- range get $values.block $field | default list -}}
{{- if eq $key (include "shared.listKey" (dict "kind" $.kind "item" .)) -}}
{{- $paths = append $paths (list $values.path $field | compact | join ".") -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $given := $paths -}}
{{- $total := 0 -}}
{{- range $keys }}{{ if eq . $key }}{{ $total = add1 $total }}{{ end }}{{ end -}}
{{- $paths = $paths | uniq | default (list $.fallback) }}
{{ $.where }} has the {{ $.kind }} {{ $key | quote }} twice{{ if and $given (lt (len $given) (int $total)) }}, once from the chart itself{{ end }}. Change or remove one in {{ $paths | sortAlpha | join " or " }}.{{ "\f" }}
{{- end -}}
{{- end -}}

{{/*
Stops if something occurs twice in a pod: dict "root" $ "pod" <specification> "of" <kind and name of its object> "values"
<list of dict "path" "block" "container": the blocks of the values in which users add to lists of that container, or, with
no container, of the pod> and, if it is a StatefulSet's, "claims" <its claim templates>.
*/}}
{{- define "shared.checkPod" -}}
{{- $pod := .pod -}}
{{- $own := list -}}
{{- range .values }}{{ if not .container }}{{ $own = append $own . }}{{ end }}{{ end -}}
{{- $scope := dict "where" (printf "The pod of %s" .of) "values" $own -}}
{{- $containers := concat ($pod.initContainers | default list) ($pod.containers | default list) -}}
{{- $claims := list -}}
{{- range .claims }}{{ $claims = append $claims (dict "name" .metadata.name) }}{{ end -}}
{{- $ports := list -}}
{{- range $containers }}{{ $ports = concat $ports (.ports | default list) }}{{ end -}}
{{- $extras := list -}}
{{- range $block := $own -}}
{{- range $field := list "extraInitContainers" "extraContainers" -}}
{{- range get $block.block . | default list }}{{ $extras = append $extras (dict "path" (list $block.path $field | compact | join ".") "container" .) }}{{ end -}}
{{- end -}}
{{- end -}}
{{- $hosts := .values -}}
{{- range $extras }}{{ $hosts = append $hosts (dict "path" .path "block" (dict "" .container.ports)) }}{{ end -}}
{{- $found := list
  (merge (dict "kind" "container" "items" $containers "fields" (list "" "extraInitContainers" "extraContainers") "fallback" "extraContainers") $scope)
  (merge (dict "kind" "volume" "items" (concat $claims ($pod.volumes | default list)) "fields" (list "extraVolumes") "fallback" "extraVolumes") $scope)
  (merge (dict "kind" "topology spread constraint" "items" ($pod.topologySpreadConstraints | default list) "fields" (list "topologySpreadConstraints") "fallback" "topologySpreadConstraints") $scope)
  (merge (dict "kind" "host port" "items" $ports "values" $hosts "fields" (list "" "ports") "fallback" "ports") $scope)
-}}
{{- range $container := $containers -}}
{{- $values := list -}}
{{- range $.values }}{{ if eq (.container | default "") $container.name }}{{ $values = append $values . }}{{ end }}{{ end -}}
{{- $fallback := "the values of this container" -}}
{{- range $extras }}{{ if eq .container.name $container.name }}{{ $fallback = .path }}{{ end }}{{ end -}}
{{- $scope := dict "where" (printf "Container %q of %s" $container.name $.of) "values" $values "fallback" $fallback -}}
{{- $found = concat $found (list
  (merge (dict "kind" "environment variable" "items" ($container.env | default list) "fields" (list "env" "extraEnv")) $scope)
  (merge (dict "kind" "port" "items" ($container.ports | default list) "fields" (list "ports")) $scope)
  (merge (dict "kind" "port name" "items" ($container.ports | default list) "fields" (list "ports")) $scope)
  (merge (dict "kind" "mount path" "items" ($container.volumeMounts | default list) "fields" (list "" "extraVolumeMounts")) $scope)
  (merge (dict "kind" "device path" "items" ($container.volumeDevices | default list) "fields" (list "")) $scope)
) -}}
{{- end -}}
{{- $text := "" -}}
{{- range $found }}{{ $text = printf "%s%s" $text (include "shared.duplicateItems" .) }}{{ end -}}
{{- include "shared.stop" (dict "root" .root "text" $text) -}}
{{- end -}}

{{/* Stops if a Service has a port twice: dict "root" $ "ports" <list> "of" <its name> "values" <as for shared.checkPod>. */}}
{{- define "shared.checkServicePorts" -}}
{{- $scope := dict "items" (.ports | default list) "where" (printf "Service %q" .of) "values" .values "fields" (list "ports") "fallback" "ports" -}}
{{- $text := "" -}}
{{- range list "port" "port name" }}{{ $text = printf "%s%s" $text (include "shared.duplicateItems" (merge (dict "kind" .) $scope)) }}{{ end -}}
{{- include "shared.stop" (dict "root" .root "text" $text) -}}
{{- end -}}
