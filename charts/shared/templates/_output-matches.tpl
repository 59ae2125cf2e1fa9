{{/*
Which records an output receives: `outputs.<name>.match`. A record comes from a source, a pipeline of a node agent or a log
file of a sidecar, and an empty list matches every source.
*/}}

{{/* Whether an output receives records of a source: dict "output" <map> "by" <pipelines or files> "source" <name>. */}}
{{- define "shared.outputReceives" -}}
{{- $wanted := dig "match" .by list .output -}}
{{- if or (not $wanted) (has .source $wanted) }}true{{ end -}}
{{- end -}}

{{/* A regular expression for names of namespaces with globs: a list. */}}
{{- define "shared.namespacesRegex" -}}
{{- $patterns := list -}}
{{- range . }}{{ $patterns = append $patterns (. | replace "*" "[^_]*") }}{{ end -}}
(?:{{ join "|" $patterns }})
{{- end -}}

{{/*
Regular expression for the tags that an output receives of a pipeline whose tags contain the namespace, followed by an
underscore: dict "match" <map> "prefix" <regular expression of what precedes the namespace>. Empty if it receives them all.
*/}}
{{- define "shared.outputMatchRegex" -}}
{{- $include := dig "namespaces" "include" list (.match | default dict) -}}
{{- $exclude := dig "namespaces" "exclude" list (.match | default dict) -}}
{{- if or $include $exclude -}}
^{{ .prefix }}{{ with $exclude }}(?!{{ include "shared.namespacesRegex" . }}_){{ end }}{{ with $include }}{{ include "shared.namespacesRegex" . }}_{{ end }}
{{- end -}}
{{- end -}}

{{/* Whether every one of a list of globs is covered by one of another list: dict "globs" <list> "by" <list>. */}}
{{- define "shared.globsCovered" -}}
{{- $open := list -}}
{{- range $glob := .globs -}}
{{- $covered := false -}}
{{- range $.by }}{{ if regexMatch (printf "^%s$" (. | replace "." "\\." | replace "*" ".*")) $glob }}{{ $covered = true }}{{ end }}{{ end -}}
{{- if not $covered }}{{ $open = append $open $glob }}{{ end -}}
{{- end -}}
{{- if not $open }}true{{ end -}}
{{- end -}}

{{/* Whether two outputs can receive records of the same namespace: dict "a", "b" <outputs>. */}}
{{- define "shared.namespacesOverlap" -}}
{{- $apart := false -}}
{{- range $pair := list (list .a .b) (list .b .a) -}}
{{- $include := dig "match" "namespaces" "include" list (first $pair) -}}
{{- if and $include (include "shared.globsCovered" (dict "globs" $include "by" (dig "match" "namespaces" "exclude" list (last $pair)))) }}{{ $apart = true }}{{ end -}}
{{- end -}}
{{- $a := dig "match" "namespaces" "include" list .a -}}
{{- $b := dig "match" "namespaces" "include" list .b -}}
{{- if and $a $b -}}
{{- $common := false -}}
{{- range $glob := $a }}{{ range $other := $b -}}
{{- if or (include "shared.globsCovered" (dict "globs" (list $glob) "by" (list $other))) (include "shared.globsCovered" (dict "globs" (list $other) "by" (list $glob))) }}{{ $common = true }}{{ end -}}
{{- end }}{{ end -}}
{{- if not $common }}{{ $apart = true }}{{ end -}}
{{- end -}}
{{- if not $apart }}true{{ end -}}
{{- end -}}

{{/*
Messages about records that no output receives, or that the same destination receives twice: dict "outputs" <of
shared.outputs> "by" <pipelines or files> "sources" <names> "namespaced" <sources whose
tags contain the namespace>.
*/}}
{{- define "shared.checkOutputMatches" -}}
{{- $by := .by -}}
{{- range $source := .sources }}
{{- $outputs := list }}
{{- range $.outputs }}{{ if include "shared.outputReceives" (dict "output" . "by" $by "source" $source) }}{{ $outputs = append $outputs . }}{{ end }}{{ end }}
{{- $all := false }}
{{- $included := list }}
{{- range $outputs }}{{ $included = concat $included (dig "match" "namespaces" "include" list .) }}{{ end }}
{{- range $outputs }}
{{- if not (has $source $.namespaced) }}{{ $all = true }}{{ end }}
{{- if and (not (dig "match" "namespaces" "include" list .)) (include "shared.globsCovered" (dict "globs" (dig "match" "namespaces" "exclude" list .) "by" $included)) }}{{ $all = true }}{{ end }}
{{- end }}
{{- if not $all }}
No output receives {{ if $outputs }}all records{{ else }}the records{{ end }} of {{ trimSuffix "s" $by }} {{ $source | quote }}: they would be dropped. Write for example:
outputs:
  {{ (first (append $outputs (dict "name" "other"))).name }}-rest:
    type: cloudwatch
    match:
      {{ $by }}: [{{ $source }}]
{{- if and $outputs $included }}
      namespaces:
        exclude: {{ $included | uniq | toJson }}
{{- end }}{{ "\f" }}
{{- end }}
{{- range $index, $output := $outputs }}
{{- range $other := slice $outputs (add1 $index | int) }}
{{- if eq $output.place $other.place }}
{{- if or (not (has $source $.namespaced)) (include "shared.namespacesOverlap" (dict "a" $output "b" $other)) }}
outputs.{{ $output.name }} and outputs.{{ $other.name }} would deliver records of {{ trimSuffix "s" $by }} {{ $source | quote }} to the same place twice. Write one of:
outputs:
  {{ $other.name }}:
    enabled: false
outputs:
  {{ $other.name }}:
    match:
      {{ $by }}: {{ without $.sources $source | toJson }}{{ "\f" }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}
