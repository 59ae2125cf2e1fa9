{{/* The characters of a path; the first directory must not contain globs. */}}
{{- define "log-sidecar.injectionPath" -}}
^/[A-Za-z0-9._@%+=:~-]+(/[A-Za-z0-9._@%+=:~*?\[\]-]+)+$
{{- end -}}

{{/*
Directories in which no log file can be: those of the system, of which the application and the sidecar need their own, and of
secrets, with the directories above them.
*/}}
{{- define "log-sidecar.injectionReserved" -}}
^/(bin|boot|dev|etc|fluent-bit|lib|lib32|lib64|libx32|proc|sbin|sys)(/|$)|^/usr(/local)?/(bin|lib|lib32|lib64|libexec|libx32|sbin)(/|$)|
{{- "" -}}
^/usr/share/(ca-certificates|pki|zoneinfo)(/|$)|^(/var)?/run/secrets(/|$)|^/var/lib/log-sidecar(/|$)|^/(run|usr|usr/local|usr/share|var|var/lib|var/run)?$
{{- end -}}

{{/*
CEL of the policies, in which values replace words in braces: dict "root" $ "file" <in files/injection>. Both policies use
`variables.yaml`, `bounds.yaml` and `pods.yaml`, the mutating one also `parts.yaml` and `patch.cel`. CEL evaluates a variable when it is first used.
*/}}
{{- define "log-sidecar.injectionCel" -}}
{{- $root := .root -}}
{{- $injection := $root.Values.injection -}}
{{- $engines := dict -}}
{{- $sidecars := list -}}
{{- range $index, $name := keys $injection.profiles | sortAlpha -}}
{{- $_ := set $engines $name (include "log-sidecar.injectionEngine" (dict "root" $root "profile" (get $injection.profiles $name))) -}}
{{- $sidecars = append $sidecars (printf "variables.profile == %q ? (variables.engine == \"tail\" ? variables.sidecar_%d_tail : variables.sidecar_%d_fluent_bit) :" $name $index $index) -}}
{{- end -}}
{{- $affinity := "object.spec.?affinity.?nodeAffinity" -}}
{{- $words := dict
  "annotations" (include "log-sidecar.injectionAnnotations" $root)
  "boxes" "(object.spec.containers + object.spec.?initContainers.orValue([]))"
  "engines" (toJson $engines)
  "name" $injection.name
  "needs" (printf "%s[variables.profile]" (include "log-sidecar.injectionVolumes" $root) | toJson)
  "prefix" (printf "%s/" $injection.annotationPrefix)
  "prefixLength" (len $injection.annotationPrefix | add1 | toString)
  "preferred" (printf "%s.?preferredDuringSchedulingIgnoredDuringExecution.orValue([])" $affinity)
  "required" (printf "%s.?requiredDuringSchedulingIgnoredDuringExecution.?nodeSelectorTerms.orValue([])" $affinity)
  "reserved" (include "log-sidecar.injectionReserved" $root)
  "runAsGroup" (int64 $injection.runAsGroup | toString)
  "runAsUser" (int64 $injection.runAsUser | toString)
  "segment" "(?:[^/.]|[.][^/])[^/]*"
  "sidecar" (join "\n" $sidecars)
  "sizeLimit" $injection.volume.sizeLimit
-}}
{{- $text := $root.Files.Get (printf "files/injection/%s" .file) -}}
{{- if contains "{excess}" $text }}{{ $text = $text | replace "{excess}" ($root.Files.Get "files/injection/excess.cel" | trim | replace "\n" "\n    ") }}{{ end -}}
{{- range $word, $value := $words }}{{ $text = replace (printf "{%s}" $word) $value $text }}{{ end -}}
{{- trim $text -}}
{{- end -}}

{{/* The variables of both policies, as a YAML list. */}}
{{- define "log-sidecar.injectionVariables" -}}
{{- include "log-sidecar.injectionCel" (dict "root" . "file" "variables.yaml") }}
- name: rejection
  expression: >-
    {{- include "log-sidecar.injectionRejection" . | nindent 4 }}
{{- end -}}
