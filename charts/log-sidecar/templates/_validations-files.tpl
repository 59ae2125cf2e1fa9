{{/* What the schema cannot say about the log files and their volume; messages as in _validations.tpl. */}}

{{- define "log-sidecar.checkFiles" -}}
{{- $directory := .Values.logs.directory -}}
{{- if or (not (isAbs $directory)) (ne (clean $directory) $directory) (eq $directory "/") }}
logs.directory is {{ $directory | quote }}: it has to be an absolute path without ".." or a slash at its end, and not "/". Write for example:{{ include "log-sidecar.write" (dict "path" "logs.directory" "value" "/var/log/app") }}{{ "\f" }}
{{- end }}
{{- if not .Values.logs.files }}
logs.files is empty: name at least one file that the application writes. Write:
logs:
  files:
    - name: app
      path: {{ $directory }}/app.log{{ "\f" }}
{{- end }}
{{- $names := dict }}
{{- $paths := dict }}
{{- range $index, $file := .Values.logs.files }}
{{- range $path := prepend ($file.rotated | default list) $file.path }}
{{- /* What the message shows: a path of the file, or one of its rotated names. */}}
{{- $field := ternary "path: " (printf "path: %s\n      rotated:\n        - " $file.path) (eq $path $file.path) }}
{{- if not (isAbs $path) }}
logs.files[{{ $index }}] ({{ $file.name }}): the path {{ $path | quote }} is relative. Write it as the containers see it:
logs:
  files:
    - name: {{ $file.name }}
      {{ $field }}{{ $directory }}/{{ base $path }}{{ "\f" }}
{{- else if not (hasPrefix (printf "%s/" $directory) (clean $path)) }}
logs.files[{{ $index }}] ({{ $file.name }}): the path {{ $path | quote }} is outside logs.directory, which alone both containers see. Write one of:
logs:
  directory: {{ dir (clean $path) }}
logs:
  files:
    - name: {{ $file.name }}
      {{ $field }}{{ $directory }}/{{ base $path }}{{ "\f" }}
{{- else if ne (clean $path) $path }}
logs.files[{{ $index }}] ({{ $file.name }}): the path {{ $path | quote }} has "..", "." or a doubled slash in it. Write:
logs:
  files:
    - name: {{ $file.name }}
      {{ $field }}{{ clean $path }}{{ "\f" }}
{{- end }}
{{- end }}
{{- if hasKey $names $file.name }}
logs.files[{{ $index }}] has the name {{ $file.name | quote }}, which logs.files[{{ get $names $file.name }}] has already. Write another:
logs:
  files:
    - name: {{ $file.name }}
      path: {{ (index $.Values.logs.files (get $names $file.name | int)).path }}
    - name: {{ $file.name | trunc 38 }}-2
      path: {{ $file.path }}{{ "\f" }}
{{- end }}
{{- if hasKey $paths $file.path }}
logs.files[{{ $index }}] ({{ $file.name }}) has the path of logs.files[{{ get $paths $file.path }}]: its lines would come twice. Write it once:
logs:
  files:
    - name: {{ (index $.Values.logs.files (get $paths $file.path | int)).name }}
      path: {{ $file.path }}{{ "\f" }}
{{- end }}
{{- $_ := set $names $file.name $index }}
{{- $_ := set $paths $file.path $index }}
{{- if and $file.rotated (eq ($file.rotation | default "rename") "copytruncate") }}
logs.files[{{ $index }}] ({{ $file.name }}) has `rotated` although its rotation copies: the lines of a copy were already read, and would come twice. Write:
logs:
  files:
    - name: {{ $file.name }}
      path: {{ $file.path }}
      rotation: copytruncate{{ "\f" }}
{{- end }}
{{- end }}
{{- include "log-sidecar.checkOverlap" . }}
{{- end -}}

{{/* A file that the glob of another matches too would be delivered twice. */}}
{{- define "log-sidecar.checkOverlap" -}}
{{- range $glob := .Values.logs.files }}
{{- if regexMatch "[*?\\[]" $glob.path }}
{{- /* The regular expression of the glob; a "*" goes no deeper than its folder. */}}
{{- $regex := $glob.path | replace "." "\\." | replace "+" "\\+" | replace "*" "[^/]*" | replace "?" "[^/]" | printf "^%s$" }}
{{- range $file := $.Values.logs.files }}
{{- if and (ne $file.name $glob.name) (not (regexMatch "[*?\\[]" $file.path)) (not (contains "[" $glob.path)) }}
{{- if regexMatch $regex $file.path }}
logs.files: {{ $file.path | quote }} ({{ $file.name }}) is matched by {{ $glob.path | quote }} ({{ $glob.name }}) too: its lines would come twice. Write only the glob:
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
logs.volume.type is existing, and logs.volume.existing.name does not say which volume holds the logs. Write:
logs:
  volume:
    type: existing
    existing:
      name: my-logs
extraVolumes:
  - name: my-logs
    emptyDir: {}{{ "\f" }}
{{- else if not (has $volume.existing.name $names) }}
logs.volume.existing.name is {{ $volume.existing.name | quote }}, and extraVolumes has no volume of that name. Write:
extraVolumes:
  - name: {{ $volume.existing.name }}
    emptyDir: {}{{ "\f" }}
{{- end }}
{{- else if has (include "log-sidecar.volumeName" (dict "root" . "volume" "logs")) $names }}
{{- $name := include "log-sidecar.volumeName" (dict "root" . "volume" "logs") }}
extraVolumes has a volume `{{ $name }}`, the name of the chart's own. If the logs are on it, write:
logs:
  volume:
    type: existing
    existing:
      name: {{ $name }}{{ "\f" }}
{{- end }}
{{- if and (eq $volume.type "persistentVolumeClaim") (or (eq .Values.app.kind "DaemonSet") (and (eq .Values.app.kind "Deployment") (gt (int (.Values.app.replicas | default 1)) 1))) }}
logs.volume.type is persistentVolumeClaim, and several pods of a {{ .Values.app.kind }} would write to one claim. A StatefulSet gives each pod its own. Write:{{ include "log-sidecar.write" (dict "path" "app.kind" "value" "StatefulSet") }}{{ "\f" }}
{{- end }}
{{- end -}}
