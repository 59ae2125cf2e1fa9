{{/* Checks of the log files and their volume; messages as in _validations.tpl. */}}

{{- define "log-sidecar.checkFiles" -}}
{{- $directory := .Values.logs.directory -}}
{{- if or (not (isAbs $directory)) (ne (clean $directory) $directory) (eq $directory "/") }}
logs.directory is {{ $directory | quote }}, but it must be an absolute path other than "/", without ".." or a trailing slash. Write for example:{{ include "log-sidecar.write" (dict "path" "logs.directory" "value" "/var/log/app") }}{{ "\f" }}
{{- end }}
{{- if not .Values.logs.files }}
logs.files is empty, but the sidecar requires at least one log file. Write:
logs:
  files:
    - name: app
      path: {{ $directory }}/app.log{{ "\f" }}
{{- end }}
{{- $names := dict }}
{{- $paths := dict }}
{{- range $index, $file := .Values.logs.files }}
{{- range $path := prepend ($file.rotated | default list) $file.path }}
{{- /* The field to write: the path of the file, or one of its rotated names. */}}
{{- $field := ternary "path: " (printf "path: %s\n      rotated:\n        - " $file.path) (eq $path $file.path) }}
{{- $inside := printf "%s/%s" $directory (base $path) }}
{{- $fault := "" }}
{{- if not (isAbs $path) }}
{{- $fault = "is relative. Write the absolute path in the container:" }}
{{- else if not (hasPrefix (printf "%s/" $directory) (clean $path)) }}
{{- $fault = printf "is outside logs.directory, the only directory that both containers mount. Write one of:\nlogs:\n  directory: %s" (dir (clean $path)) }}
{{- else if ne (clean $path) $path }}
{{- $fault = "contains \"..\", \".\" or a double slash. Write:" }}
{{- $inside = clean $path }}
{{- end }}
{{- with $fault }}
logs.files[{{ $index }}] ({{ $file.name }}): the path {{ $path | quote }} {{ . }}
logs:
  files:
    - name: {{ $file.name }}
      {{ $field }}{{ $inside }}{{ "\f" }}
{{- end }}
{{- end }}
{{- if hasKey $names $file.name }}
logs.files[{{ $index }}] has the name {{ $file.name | quote }}, which logs.files[{{ get $names $file.name }}] already uses. Write a different name:
logs:
  files:
    - name: {{ $file.name }}
      path: {{ (index $.Values.logs.files (get $names $file.name | int)).path }}
    - name: {{ $file.name | trunc 38 }}-2
      path: {{ $file.path }}{{ "\f" }}
{{- end }}
{{- if hasKey $paths $file.path }}
logs.files[{{ $index }}] ({{ $file.name }}) has the same path as logs.files[{{ get $paths $file.path }}]: its lines would be duplicated. List the path once:
logs:
  files:
    - name: {{ (index $.Values.logs.files (get $paths $file.path | int)).name }}
      path: {{ $file.path }}{{ "\f" }}
{{- end }}
{{- $_ := set $names $file.name $index }}
{{- $_ := set $paths $file.path $index }}
{{- if and $file.rotated (eq ($file.rotation | default "rename") "copytruncate") }}
logs.files[{{ $index }}] ({{ $file.name }}) sets `rotated`, but `copytruncate` copies lines that were already read: they would be duplicated. Write:
logs:
  files:
    - name: {{ $file.name }}
      path: {{ $file.path }}
      rotation: copytruncate{{ "\f" }}
{{- end }}
{{- end }}
{{- include "log-sidecar.checkOverlap" . }}
{{- end -}}

{{/* A file that also matches the glob of another one would be delivered twice. */}}
{{- define "log-sidecar.checkOverlap" -}}
{{- range $glob := .Values.logs.files }}
{{- if regexMatch "[*?\\[]" $glob.path }}
{{- /* The glob as a regular expression; "*" does not match subdirectories. */}}
{{- $regex := $glob.path | replace "." "\\." | replace "+" "\\+" | replace "*" "[^/]*" | replace "?" "[^/]" | printf "^%s$" }}
{{- range $file := $.Values.logs.files }}
{{- if and (ne $file.name $glob.name) (not (regexMatch "[*?\\[]" $file.path)) (not (contains "[" $glob.path)) }}
{{- if regexMatch $regex $file.path }}
logs.files: {{ $file.path | quote }} ({{ $file.name }}) is also matched by {{ $glob.path | quote }} ({{ $glob.name }}): its lines would be duplicated. Keep only the glob:
logs:
  files:
    - name: {{ $glob.name }}
      path: {{ $glob.path | quote }}{{ "\f" }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "log-sidecar.checkVolume" -}}
{{- $volume := .Values.logs.volume -}}
{{- $names := list -}}
{{- range .Values.extraVolumes -}}{{- $names = append $names .name -}}{{- end -}}
{{- if eq $volume.type "existing" }}
{{- if not $volume.existing.name }}
logs.volume.type is existing, but logs.volume.existing.name is empty. Write:
logs:
  volume:
    type: existing
    existing:
      name: my-logs
extraVolumes:
  - name: my-logs
    emptyDir: {}{{ "\f" }}
{{- else if not (has $volume.existing.name $names) }}
logs.volume.existing.name is {{ $volume.existing.name | quote }}, but extraVolumes has no volume with that name. Write:
extraVolumes:
  - name: {{ $volume.existing.name }}
    emptyDir: {}{{ "\f" }}
{{- end }}
{{- else if has (include "log-sidecar.volumeName" (dict "root" . "volume" "logs")) $names }}
{{- $name := include "log-sidecar.volumeName" (dict "root" . "volume" "logs") }}
extraVolumes contains the volume `{{ $name }}`, a name that the chart uses itself. Rename it, or write, if it holds the logs:
logs:
  volume:
    type: existing
    existing:
      name: {{ $name }}{{ "\f" }}
{{- end }}
{{- if and (eq $volume.type "persistentVolumeClaim") (or (eq .Values.app.kind "DaemonSet") (and (eq .Values.app.kind "Deployment") (gt (int (.Values.app.replicas | default 1)) 1))) }}
logs.volume.type is persistentVolumeClaim, but all pods of a {{ .Values.app.kind }} would write to the same claim. A StatefulSet creates one for each pod. Write:{{ include "log-sidecar.write" (dict "path" "app.kind" "value" "StatefulSet") }}{{ "\f" }}
{{- end }}
{{- end -}}
