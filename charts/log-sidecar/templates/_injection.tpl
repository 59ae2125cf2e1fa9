{{/*
Injection: two admission policies. One adds the sidecar to pods that request it by annotation; the other
rejects pods to which it cannot be added. Both are written in CEL and share their variables (files/injection).
*/}}

{{/* Name of the policies and bindings. They are cluster-scoped, so it contains the release's namespace. */}}
{{- define "log-sidecar.injectionName" -}}
{{- include "log-sidecar.clusterWideName" (dict "root" . "name" (include "log-sidecar.fullname" .)) -}}
{{- end -}}

{{- define "log-sidecar.injectionMetadata" -}}
{{- include "log-sidecar.metadata" (dict "root" . "component" "injection" "name" (include "log-sidecar.injectionName" .) "clusterWide" true) -}}
{{- end -}}

{{/* The annotations below the prefix, as JSON list. */}}
{{- define "log-sidecar.injectionAnnotations" -}}
{{- list "inject" "paths" "containers" "profile" "engine" "rotation" | toJson -}}
{{- end -}}

{{/*
Data as a CEL expression. Values of a CEL map or list have one type, so each is cast with `dyn`. A map with the only key `$cel`
holds an expression, which is inserted unchanged.
*/}}
{{- define "log-sidecar.cel" -}}
{{- $parts := list -}}
{{- if not (kindIs "map" . | or (kindIs "slice" .)) -}}
{{- toJson . -}}
{{- else if kindIs "slice" . -}}
{{- range . }}{{ $parts = append $parts (printf "dyn(%s)" (include "log-sidecar.cel" .)) }}{{ end -}}
[ {{- join ", " $parts -}} ]
{{- else if hasKey . "$cel" -}}
{{- get . "$cel" -}}
{{- else -}}
{{- range $key, $value := . }}{{ $parts = append $parts (printf "%s: dyn(%s)" (toJson $key) (include "log-sidecar.cel" $value)) }}{{ end -}}
{ {{- join ", " $parts -}} }
{{- end -}}
{{- end -}}

{{/* Merges the map "above" over "below", recursively; unlike mergeOverwrite, also `false`, 0 and "" override. Returns JSON. */}}
{{- define "log-sidecar.overlay" -}}
{{- $merged := deepCopy .below -}}
{{- range $key, $value := .above -}}
{{- $there := get $merged $key -}}
{{- if and (kindIs "map" $value) (kindIs "map" $there) -}}
{{- $_ := set $merged $key (include "log-sidecar.overlay" (dict "below" $there "above" $value) | fromJson) -}}
{{- else if not (kindIs "invalid" $value) -}}
{{- $_ := set $merged $key $value -}}
{{- end -}}
{{- end -}}
{{- $merged | toJson -}}
{{- end -}}

{{/*
A root for the templates of the sidecar: the chart's values, overridden by those of a profile, without settings that apply only to
the chart's own pod. dict "root" $ "profile" <map> "engine" "tail"; returns nothing, and sets `made` in the dict.
*/}}
{{- define "log-sidecar.injectionRoot" -}}
{{- $sidecar := merge (pick .profile "resources" "logLevel") (dict
  "enabled" true
  "engine" .engine
  "native" true
  "perFile" false
  "fileLabel" false
  "extraEnv" (.profile.env | default list)
  "extraEnvFrom" list
  "extraVolumeMounts" list
) -}}
{{- with .profile.httpServer }}{{ $_ := set $sidecar "fluentBit" (dict "httpServer" .) }}{{ end -}}
{{- /* All paths of a pod count as one file, which every output receives. */ -}}
{{- $logs := dict "volume" (dict "type" "emptyDir") "files" (list (dict "name" "logs")) -}}
{{- $above := dict "app" (dict "enabled" false) "sidecar" $sidecar "logs" $logs "outputs" (.profile.outputs | default dict) -}}
{{- $outputs := dict -}}
{{- range $name, $output := .root.Values.outputs }}{{ $_ := set $outputs $name (omit $output "match") }}{{ end -}}
{{- $below := merge (dict "outputs" $outputs) (omit .root.Values "outputs") -}}
{{- $values := include "log-sidecar.overlay" (dict "below" $below "above" $above) | fromJson -}}
{{- $_ := set . "made" (merge (dict "Values" $values) (pick .root "Files" "Chart" "Release" "Capabilities" "Template")) -}}
{{- end -}}

{{/* The default engine of a profile: dict "root" $ "profile" <map>. */}}
{{- define "log-sidecar.injectionEngine" -}}
{{- $engine := .root.Values.sidecar.engine -}}
{{- .profile.engine | default (ternary $engine "fluent-bit" (has $engine (list "fluent-bit" "tail"))) -}}
{{- end -}}

{{/*
The sidecar of a profile as a CEL expression: the container of the chart's own pod, in which the policy fills in what depends on
the pod. Arguments as for log-sidecar.injectionRoot, and "name" <of the profile>.
*/}}
{{- define "log-sidecar.injectionContainer" -}}
{{- $scope := merge (dict) . -}}
{{- include "log-sidecar.injectionRoot" $scope -}}
{{- $name := .root.Values.injection.name -}}
{{- $paths := ternary "$LOG_PATHS" "${LOG_PATHS}" (eq .engine "tail") -}}
{{- $file := merge (dict "name" "logs" "path" "" "paths" $paths) (pick .profile "multiline" "multilineRegex" "parser" "encoding") -}}
{{- $volumes := dict "ca" (printf "%s-ca" $name) -}}
{{- $sidecar := dict "name" $name "files" (list $file) "index" 0 "inline" true "container" "${LOG_CONTAINER}" "volumes" $volumes -}}
{{- $of := dict "root" $scope.made "sidecar" $sidecar -}}
{{- $container := include "log-sidecar.sidecarContainer" $of | fromJson -}}
{{- $env := list
  (dict "name" "LOG_PATHS" "value" (dict "$cel" "variables.logPaths"))
  (dict "name" "LOG_CONTAINER" "value" (dict "$cel" "variables.writers.size() == 1 ? variables.writers[0] : \"all\""))
-}}
{{- $env = concat $env $container.env -}}
{{- $path := printf "injection.profiles.%s" .name -}}
{{- $values := list (dict "path" $path "block" .profile) -}}
{{- include "log-sidecar.stop" (dict "root" .root "text" (include "log-sidecar.duplicateItems" (dict
  "kind" "environment variable" "items" $env "where" (printf "The sidecar of %s" $path) "values" $values "fields" (list "env") "fallback" $path
))) -}}
{{- $mounts := include "log-sidecar.caMounts" (dict "root" $scope.made "outputs" (include "log-sidecar.sidecarOutputs" $of | fromJsonArray) "volumes" $volumes) | fromYamlArray -}}
{{- $user := dict
  "runAsUser" (dict "$cel" "variables.user")
  "runAsGroup" (dict "$cel" "variables.group")
  "runAsNonRoot" (dict "$cel" "variables.user != 0")
-}}
{{- include "log-sidecar.cel" (merge (dict
  "env" $env
  "volumeMounts" (dict "$cel" (printf "variables.sidecarMounts + %s" (include "log-sidecar.cel" $mounts)))
  "securityContext" (merge $user ($container.securityContext | default dict) (dict "seccompProfile" (dict "type" "RuntimeDefault")))
) (omit $container "env" "volumeMounts" "securityContext")) -}}
{{- end -}}

{{/*
Volumes that the sidecars of the profiles need, as CEL expression: a map from profile to `state`, the settings of the
volume for it, and `volumes`.
*/}}
{{- define "log-sidecar.injectionVolumes" -}}
{{- $all := dict -}}
{{- range $name, $profile := .Values.injection.profiles -}}
{{- $scope := dict "root" $ "profile" $profile "engine" "fluent-bit" -}}
{{- include "log-sidecar.injectionRoot" $scope -}}
{{- $names := dict "ca" (printf "%s-ca" $.Values.injection.name) -}}
{{- $state := dict "medium" (include "log-sidecar.stateMedium" $scope.made) "sizeLimit" $scope.made.Values.sidecar.state.sizeLimit -}}
{{- $_ := set $all $name (dict "state" $state "volumes" (include "log-sidecar.caVolumes" (dict "root" $scope.made "volumes" $names) | fromYamlArray)) -}}
{{- end -}}
{{- include "log-sidecar.cel" $all -}}
{{- end -}}

{{/* The requests that the policies match. Pods in kube-system and in the namespace of the release are excluded. */}}
{{- define "log-sidecar.injectionMatch" -}}
{{- $selector := .Values.injection.namespaceSelector -}}
{{- $excluded := concat (list "kube-system" .Release.Namespace) .Values.injection.excludeNamespaces | uniq -}}
{{- $exclude := dict "key" "kubernetes.io/metadata.name" "operator" "NotIn" "values" $excluded -}}
{{- $expressions := append ($selector.matchExpressions | default list) $exclude -}}
matchPolicy: Equivalent
namespaceSelector:
  {{- mergeOverwrite (dict) $selector (dict "matchExpressions" $expressions) | toYaml | nindent 2 }}
objectSelector: {}
resourceRules:
  - apiGroups: [""]
    apiVersions: [v1]
    operations: [CREATE]
    resources: [pods]
    scope: Namespaced
{{- end -}}
