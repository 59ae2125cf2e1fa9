{{/* Checks of the log files and their volume; messages as in _validations.tpl. */}}

{{- define "log-sidecar.checkFiles" -}}
{{- $directory := .Values.logs.directory -}}
{{- $directories := dict "logs.directory" $directory -}}
{{- range $key, $extra := .Values.logs.extraDirectories }}
{{- $_ := set $directories (printf "logs.extraDirectories.%s.path" $key) .path }}
{{- $volume := printf "logs.extraDirectories.%s.existing" $key }}
{{- include "log-sidecar.reject" (list (and (eq $.Values.logs.volume.type "existing") (not .existing))
  (printf "`logs.volume.type` is existing, but `%s` does not name the volume of %s." $volume .path) (printf "%s.name" $volume) $.Values.logs.volume.existing.name) }}
{{- end }}
{{- $files := .Values.logs.files -}}
{{- range $path, $one := $directories }}
{{- include "log-sidecar.reject" (list (or (not (isAbs .)) (ne (clean .) .) (eq . "/"))
  (printf "`%s` is %q, but it must be an absolute path other than \"/\", without \"..\" or a trailing slash. Write for example:" $path .)
  $path "/var/log/app") }}
{{- if eq . "/" }}{{ $directory = "/var/log/app" }}{{ end }}
{{- range $other, $outer := $directories }}
{{- include "log-sidecar.reject" (list (and (ne $other $path) (hasPrefix (printf "%s/" .) (printf "%s/" $one)) (or (ne . $one) (lt $other $path)))
  (printf "`%s` is %q, which `%s` (%s) contains. Remove it." $path $one $other .)) }}
{{- end }}
{{- end }}
{{- include "log-sidecar.reject" (list (not $files) "`logs.files` is empty, but the sidecar requires at least one log file."
  "logs.files" (list (dict "name" "app" "path" (printf "%s/app.log" $directory)))) }}
{{- range $index, $file := $files }}
{{- $where := printf "`logs.files[%d]` (%s)" $index .name }}
{{- range $path := prepend (.rotated | default list) .path }}
{{- $rotated := ne . $file.path }}
{{- $outside := isAbs . }}
{{- range $directories }}{{ if hasPrefix (printf "%s/" .) (clean $path) }}{{ $outside = false }}{{ end }}{{ end }}
{{- $problem := "" }}
{{- if not (isAbs .) }}{{ $problem = "is relative. Write the absolute path in the container:" }}
{{- else if $outside }}{{ $problem = "is outside `logs.directory` and `logs.extraDirectories`, the directories that both containers mount." }}
{{- else if contains "**" . }}{{ $problem = "contains \"**\", which matches one directory level only, like \"*\". Write a pattern for each level." }}
{{- else if ne (clean .) . }}{{ $problem = "contains \"..\", \".\" or a double slash." }}{{ end }}
{{- $inside := ternary (printf "%s/%s" $directory (base .)) (clean .) (or $outside (not (isAbs .))) }}
{{- $fixed := dict "name" $file.name "path" (ternary $file.path $inside $rotated) }}
{{- if $rotated }}{{ $_ := set $fixed "rotated" (list $inside) }}{{ end }}
{{- /* The path's directory above the first glob. A directory above `logs.directory` can only replace it. */}}
{{- $parent := regexFind "^[^*?\\[]*/" (clean .) | trimSuffix "/" }}
{{- $extra := list (printf "logs.extraDirectories.%s.path" ($file.name | trunc 20 | trimSuffix "-")) $parent }}
{{- if hasPrefix (printf "%s/" $parent) $directory }}{{ $extra = list "logs.directory" $parent }}{{ end }}
{{- include "log-sidecar.reject" (concat (list $problem (printf "%s: the path %q %s" $where . $problem) "logs.files" (list $fixed))
  (ternary $extra list (and $outside (ne $parent "")))) }}
{{- end }}
{{- range $earlier, $other := slice $files 0 $index }}
{{- include "log-sidecar.reject" (list (eq .name $file.name)
  (printf "`logs.files[%d]` has the name %q, which `logs.files[%d]` already uses. Write a different name:" $index .name $earlier)
  "logs.files" (list . (set (deepCopy $file) "name" (printf "%s-2" (trunc 38 .name))))) }}
{{- include "log-sidecar.reject" (list (eq .path $file.path)
  (printf "%s has the same path as `logs.files[%d]`: its lines would be duplicated. List the path once:" $where $earlier) "logs.files" (list .)) }}
{{- end }}
{{- include "log-sidecar.reject" (list (and .rotated (eq (.rotation | default "rename") "copytruncate"))
  (printf "%s sets `rotated`, but `copytruncate` copies lines that were already read: they would be duplicated." $where)
  "logs.files" (list (omit . "rotated"))) }}
{{- include "log-sidecar.reject" (list (and (not $.Values.sidecar.fluentBit.inotifyWatcher) (eq (.rotation | default "rename") "copytruncate"))
  (printf "%s has `copytruncate`, but `sidecar.fluentBit.inotifyWatcher` is false: each rotation would lose the lines of the last 250 ms." $where)
  "sidecar.fluentBit.inotifyWatcher" true) }}
{{- range slice $files 0 $index }}
{{- $common := include "log-sidecar.commonPath" (dict "one" $file.path "other" .path) }}
{{- include "log-sidecar.reject" (list (and $common (ne .path $file.path))
  (printf "`logs.files`: %q (%s) and %q (%s) both match %s: its lines would be duplicated. Write globs of different files." .path .name $file.path $file.name $common)) }}
{{- end }}
{{- /* A file that also matches the glob of another one would be delivered twice; "*" does not match subdirectories. */}}
{{- $regex := .path | replace "." "\\." | replace "+" "\\+" | replace "*" "[^/]*" | replace "?" "[^/]" | printf "^%s$" }}
{{- range ternary $files list (and (regexMatch "[*?]" .path) (not (contains "[" .path))) }}
{{- include "log-sidecar.reject" (list (and (ne .name $file.name) (not (regexMatch "[*?\\[]" .path)) (regexMatch $regex .path))
  (printf "`logs.files`: %q (%s) is also matched by %q (%s): its lines would be duplicated. Keep only the glob:" .path .name $file.path $file.name)
  "logs.files" (list $file)) }}
{{- end }}
{{- end }}
{{- end -}}

{{/*
A path that two globs match, or nothing: dict "one" <glob> "other" <glob>. In each part of the path, the stars of one glob stand for
nothing, a letter, or a part of the other one, which finds such a path for globs with one star in it.
*/}}
{{- define "log-sidecar.commonPath" -}}
{{- $others := splitList "/" .other -}}
{{- $parts := list -}}
{{- if and (regexMatch "[*?]" .one) (regexMatch "[*?]" .other) (not (contains "[" (print .one .other))) (eq (len $others) (splitList "/" .one | len)) -}}
{{- range $index, $one := splitList "/" .one -}}
{{- $other := index $others $index | replace "?" "x" -}}
{{- $regexes := list -}}
{{- range list . (index $others $index) }}{{ $regexes = append $regexes (. | replace "." "\\." | replace "+" "\\+" | replace "*" ".*" | replace "?" "." | printf "^%s$") }}{{ end -}}
{{- $candidates := list -}}
{{- range $pair := list (list (replace "?" "x" .) $other) (list $other (replace "?" "x" .)) -}}
{{- range concat (list "" "x") (last $pair | splitList "*") (list (last $pair | replace "*" "")) }}{{ $candidates = append $candidates (first $pair | replace "*" .) }}{{ end -}}
{{- end -}}
{{- $common := list -}}
{{- range $candidates }}{{ if and (regexMatch (first $regexes) .) (regexMatch (last $regexes) .) }}{{ $common = list . }}{{ end }}{{ end -}}
{{- $parts = concat $parts $common -}}
{{- end -}}
{{- end -}}
{{- if eq (len $parts) (len $others) }}{{ join "/" $parts }}{{ end -}}
{{- end -}}

{{- define "log-sidecar.checkVolume" -}}
{{- $volume := .Values.logs.volume -}}
{{- $existing := eq $volume.type "existing" -}}
{{- $own := include "log-sidecar.volumeName" (dict "root" . "volume" "logs") -}}
{{- $names := list -}}
{{- range .Values.extraVolumes }}{{ $names = append $names .name }}{{ end -}}
{{- range $key, $directory := .Values.logs.extraDirectories }}
{{- with .existing }}
{{- include "log-sidecar.reject" (list (not (has .name $names))
  (printf "`logs.extraDirectories.%s.existing.name` is %q, but `extraVolumes` has no volume with that name." $key .name)
  "extraVolumes" (list (dict "name" .name "emptyDir" dict))) }}
{{- end }}
{{- end }}
{{- include "log-sidecar.reject" (list (and $existing (not (has $volume.existing.name $names)))
  (printf "`logs.volume.existing.name` is %q, but `extraVolumes` has no volume with that name." $volume.existing.name)
  "extraVolumes" (list (dict "name" $volume.existing.name "emptyDir" dict))) }}
{{- include "log-sidecar.reject" (list (and (not $existing) (has $own $names))
  (printf "`extraVolumes` contains the volume `%s`, a name that the chart uses itself. Rename it, or write, if it holds the logs:" $own)
  "logs.volume" (dict "type" "existing" "existing" (dict "name" $own))) }}
{{- $several := or (eq .Values.app.kind "DaemonSet") (and (eq .Values.app.kind "Deployment") (gt (int (.Values.app.replicas | default 1)) 1)) }}
{{- include "log-sidecar.reject" (list (and (eq $volume.type "persistentVolumeClaim") $several)
  (printf "`logs.volume.type` is persistentVolumeClaim, but all pods of a %s would write to the same claim. A StatefulSet creates one for each pod." .Values.app.kind)
  "app.kind" "StatefulSet") }}
{{- end -}}
