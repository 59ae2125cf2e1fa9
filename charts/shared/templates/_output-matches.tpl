{{/*
Which records an output receives: `outputs.<name>.match`. A record comes from a source, a pipeline of a node agent or a log
file of a sidecar, and an empty list matches every source. Records of pods also come from a namespace.
*/}}

{{/* Whether a name matches one of a list of globs: dict "name" <text> "globs" <list>. */}}
{{- define "shared.matchesGlob" -}}
{{- range .globs }}{{ if regexMatch (printf "^%s$" (replace "*" ".*" .)) $.name }}true{{ end }}{{ end -}}
{{- end -}}

{{/*
Whether an output receives records of a source: dict "output" <map> "by" <pipelines or files> "source" <name> and, where
they apply, "namespaced" <sources whose records come from namespaces> and "namespace" <name>. An output for certain
namespaces receives records without one only if it names their source.
*/}}
{{- define "shared.outputReceives" -}}
{{- $wanted := dig "match" .by list .output -}}
{{- $include := dig "match" "namespaces" "include" list .output -}}
{{- $exclude := dig "match" "namespaces" "exclude" list .output -}}
{{- $receives := or (has .source $wanted) (and (not $wanted) (or (not $include) (not (hasKey . "namespaced")) (has .source .namespaced))) -}}
{{- if and $receives .namespace -}}
{{- $receives = and (or (not $include) (include "shared.matchesGlob" (dict "name" .namespace "globs" $include))) (not (include "shared.matchesGlob" (dict "name" .namespace "globs" $exclude))) -}}
{{- end -}}
{{- if $receives }}true{{ end -}}
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

{{/*
The output of a node agent for one pipeline, as JSON: the arguments of shared.fluentBitOutput, and "pipeline", "alias" <names>
"prefix" <as above, of the pipeline `application`>. Only records of this pipeline have the metadata of a pod.
*/}}
{{- define "shared.pipelineOutput" -}}
{{- $given := merge (dict "names" (merge (dict "pipeline" .pipeline) .names)) . -}}
{{- $section := include "shared.fluentBitOutput" $given | fromJson -}}
{{- $match := dict "match" (printf "%s.*" .pipeline) -}}
{{- if eq .pipeline "application" -}}
{{- with include "shared.outputMatchRegex" (dict "match" .output.match "prefix" .prefix) }}{{ $match = dict "match_regex" . }}{{ end -}}
{{- else -}}
{{- range list "log_group_template" "log_stream_template" }}{{ if contains "$kubernetes" (get $section .) }}{{ $_ := unset $section . }}{{ end }}{{ end -}}
{{- end -}}
{{- merge (dict "alias" (include "shared.outputAlias" (dict "type" .output.type "name" .alias))) $match $section | toJson -}}
{{- end -}}

{{/* Globs that together match the names that two globs both match, as words: list <text to write before them> <glob> <glob>. */}}
{{- define "shared.commonGlobs" -}}
{{- $before := index . 0 -}}
{{- $one := index . 1 -}}
{{- $other := index . 2 -}}
{{- $stars := list (hasPrefix "*" $one) (hasPrefix "*" $other) -}}
{{- $both := and (first $stars) (last $stars) -}}
{{- if not (trimAll "*" (print $one $other)) -}}
{{ $before }}{{ if $both }}*{{ end }} {{ else if and $one $other -}}
{{- $star := ternary "*" "" $both -}}
{{- if first $stars }}{{ include "shared.commonGlobs" (list (print $before $star) (substr 1 -1 $one) $other) }}{{ end -}}
{{- if last $stars }}{{ include "shared.commonGlobs" (list (print $before $star) $one (substr 1 -1 $other)) }}{{ end -}}
{{- $letter := substr 0 1 (ternary $other $one (first $stars)) -}}
{{- if and (not $both) (or (first $stars) (last $stars) (hasPrefix $letter $other)) -}}
{{- $left := ternary $one (substr 1 -1 $one) (first $stars) -}}
{{- include "shared.commonGlobs" (list (print $before $letter) $left (ternary $other (substr 1 -1 $other) (last $stars))) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/*
Globs for all namespaces that outputs tell apart, each with what to write for it, as a JSON map: one for each set of globs that
a name can match, and one, with an empty text, for names that no output selects. A "~" in place of its star matches no other
glob. dict "outputs" <list> "read" <include and exclude of what is read>.
*/}}
{{- define "shared.sampleNamespaces" -}}
{{- $samples := dict -}}
{{- range dig "include" list .read }}{{ $_ := set $samples . . }}{{ end -}}
{{- if not $samples }}{{ $_ := set $samples "*" "" }}{{ end -}}
{{- range .outputs -}}
{{- range $glob := without (concat (dig "match" "namespaces" "include" list .) (dig "match" "namespaces" "exclude" list .)) "-" -}}
{{- range $sample := keys $samples -}}
{{- $common := splitList " " (include "shared.commonGlobs" (list "" $sample $glob) | trim) | uniq -}}
{{- range $common -}}
{{- if and . (le (len (replace "*" "" .)) 63) (not (include "shared.matchesGlob" (dict "name" (replace "*" "~" .) "globs" (without $common .)))) }}{{ $_ := set $samples . . }}{{ end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $unread := dig "exclude" list .read -}}
{{- range $sample := keys $samples }}{{ if include "shared.matchesGlob" (dict "name" (replace "*" "~" $sample) "globs" $unread) }}{{ $_ := unset $samples $sample }}{{ end }}{{ end -}}
{{- $samples | toJson -}}
{{- end -}}

{{/*
Where an output delivers records of a source, for comparison: dict "output" <of shared.outputs> "source" <name> "namespace"
<name or empty> "names" <texts by placeholder>. A record's log group is that of the template, if it has the fields for it.
*/}}
{{- define "shared.outputPlace" -}}
{{- $place := .output.place | replace "{pipeline}" .source -}}
{{- range $word, $text := .names }}{{ $place = replace (printf "{%s}" $word) $text $place }}{{ end -}}
{{- with .namespace }}{{ $place = replace "$kubernetes['namespace_name']" . $place }}{{ end -}}
{{- if eq .output.type "cloudwatch" -}}
{{- $parts := fromJsonArray $place -}}
{{- $template := last $parts -}}
{{- $parts = initial $parts -}}
{{- if and $template (or .namespace (not (contains "$kubernetes" $template))) }}{{ $parts = append (initial $parts) $template }}{{ end -}}
{{- $place = toJson $parts -}}
{{- end -}}
{{- $place -}}
{{- end -}}

{{/*
Messages about records that no output receives, or that the same destination receives twice: dict "outputs" <of
shared.outputs> "by" <pipelines or files> "sources" <names> "namespaced" <sources whose tags contain the namespace> and,
where they apply, "read" <include and exclude of the namespaces that are read> and "names" <texts by placeholder>.
*/}}
{{- define "shared.checkOutputMatches" -}}
{{- range $source := ternary .sources list (gt (len .outputs) 0) }}
{{- $where := dict "outputs" $.outputs "by" $.by "source" $source "namespaced" $.namespaced "names" ($.names | default dict) }}
{{- $samples := dict "" "" }}
{{- if has $source $.namespaced }}{{ $samples = include "shared.sampleNamespaces" (dict "outputs" $.outputs "read" ($.read | default dict)) | fromJson }}{{ end }}
{{- $missing := list }}
{{- $twice := dict }}
{{- range $sample, $glob := $samples }}
{{- $namespace := replace "*" "~" $sample }}
{{- $receivers := list }}
{{- range $.outputs }}
{{- if include "shared.outputReceives" (merge (dict "output" . "namespace" $namespace) $where) }}{{ $receivers = append $receivers . }}{{ end }}
{{- end }}
{{- if not $receivers }}{{ $missing = append $missing $glob }}{{ end }}
{{- range $index, $output := $receivers }}
{{- $place := include "shared.outputPlace" (merge (dict "output" $output "namespace" $namespace) $where) }}
{{- range $other := slice $receivers (add1 $index | int) }}
{{- if eq $place (include "shared.outputPlace" (merge (dict "output" $other "namespace" $namespace) $where)) }}
{{- $pair := printf "outputs.%s and outputs.%s" $output.name $other.name }}
{{- $_ := set $twice $pair (get $twice $pair | default (dict "output" $output "other" $other "globs" list)) }}
{{- $_ := set (get $twice $pair) "globs" (append (get $twice $pair).globs $glob) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- if $missing }}{{ include "shared.outputGap" (merge (dict "missing" $missing) $where) }}{{ end }}
{{- range $pair, $both := $twice }}{{ include "shared.outputOverlap" (merge (dict "pair" $pair "sources" $.sources) $both $where) }}{{ end }}
{{- end }}
{{- end -}}

{{/*
A note: which records each output receives, if there are several; the arguments of shared.checkOutputMatches. Namespaces that the
same outputs receive are on one line.
*/}}
{{- define "shared.routingNote" -}}
{{- if gt (len .outputs) 1 -}}
Records, and the outputs that receive them:
{{ range $source := .sources }}
{{- $where := dict "by" $.by "source" $source "namespaced" $.namespaced }}
{{- $samples := dict "" "" }}
{{- if has $source $.namespaced }}{{ $samples = include "shared.sampleNamespaces" (dict "outputs" $.outputs "read" ($.read | default dict)) | fromJson }}{{ end }}
{{- $routes := dict }}
{{- range $sample, $glob := $samples }}
{{- $names := list }}
{{- range $.outputs }}{{ if include "shared.outputReceives" (merge (dict "output" . "namespace" (replace "*" "~" $sample)) $where) }}{{ $names = append $names .name }}{{ end }}{{ end }}
{{- $route := join ", " $names }}
{{- $_ := set $routes $route (append (get $routes $route | default list) ($glob | default "other namespaces")) }}
{{- end }}
{{- range $route, $globs := $routes }}
  {{ $source }}{{ if gt (len $samples) 1 }} from {{ slice $globs 0 (min 10 (len $globs)) | join ", " }}{{ if gt (len $globs) 10 }} and {{ sub (len $globs) 10 }} more{{ end }}{{ end }}: {{ $route }}
{{- end }}
{{- end }}
{{- end -}}
{{- end -}}

{{/* Message about records that no output receives; "missing" are globs, an empty one for all other namespaces. */}}
{{- define "shared.outputGap" -}}
{{- $included := list -}}
{{- range .outputs }}{{ $included = concat $included (dig "match" "namespaces" "include" list .) }}{{ end -}}
{{- $named := without .missing "" }}
No output receives {{ if and (has .source .namespaced) (or $named $included) }}records of {{ trimSuffix "s" .by }} {{ .source | quote }} from {{ if has "" .missing }}other namespaces{{ else }}{{ join ", " $named }}{{ end }}{{ else }}the records of {{ trimSuffix "s" .by }} {{ .source | quote }}{{ end }}: they would be dropped. Write for example:
outputs:
  {{ (first .outputs).name }}-rest:
    type: cloudwatch
    match:
      {{ .by }}: [{{ .source }}]
{{- if and (has "" .missing) $included }}
      namespaces:
        exclude: {{ $included | uniq | toJson }}
{{- else if and $named (not (has "" .missing)) }}
      namespaces:
        include: {{ $named | toJson }}
{{- end }}{{ "\f" }}
{{- end -}}

{{/* Message about two outputs that deliver the same records to one place; "globs" are the namespaces of these records. */}}
{{- define "shared.outputOverlap" -}}
{{- $named := without .globs "" }}
{{ .pair }} would deliver records of {{ trimSuffix "s" .by }} {{ .source | quote }}{{ if and $named (not (has "" .globs)) }} from {{ join ", " $named }}{{ end }} to the same place twice. Write one of:
outputs:
  {{ .other.name }}:
    enabled: false
{{- if and $named (not (has "" .globs)) }}
{{- $wider := ternary .output .other (and (not (dig "match" "namespaces" "include" list .output)) (dig "match" "namespaces" "include" list .other | empty | not)) }}
{{- $rest := dig "match" "namespaces" "include" list $wider }}
{{- range $named }}{{ $rest = without $rest . }}{{ end }}
{{- if or $rest (not (dig "match" "namespaces" "include" list $wider)) }}
outputs:
  {{ $wider.name }}:
    match:
      namespaces:
        exclude: {{ concat (dig "match" "namespaces" "exclude" list $wider) $named | uniq | toJson }}
{{- end }}
{{- else if gt (len .sources) 1 }}
outputs:
  {{ .other.name }}:
    match:
      {{ .by }}: {{ without .sources .source | toJson }}
{{- end }}{{ "\f" }}
{{- end -}}
