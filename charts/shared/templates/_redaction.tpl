{{/*
Redaction (`redaction` of the values): a Lua filter of Fluent Bit after all other filters. Filters run before records are stored, so
that neither the disk nor an output gets a secret. Fluent Bit's plugins for fields cannot do this: they know fields by name.
*/}}

{{/* Whether anything is redacted. Argument: the root. */}}
{{- define "shared.redacts" -}}
{{- if include "shared.redactions" (dict "root" . "tenants" true) | fromJsonArray }}true{{ end -}}
{{- end -}}

{{/*
The redactions, as a JSON list: that of all records, and those of tenants for the records of their namespaces, without the rules that
apply to all. Each has `name` (of its filter), `counter` (the tag of the records that become its counters), `given` (as below) and,
for tenants, `namespaces`: dict "root" $ "tenants" <whether to include theirs>.
*/}}
{{- define "shared.redactions" -}}
{{- $all := .root.Values.redaction -}}
{{- $redactions := list -}}
{{- with include "shared.redactionRules.given" $all | fromJsonArray }}{{ $redactions = list (dict "name" "redaction" "counter" "_redactions" "given" .) }}{{ end -}}
{{- $values := empty .tenants | ternary dict (.root.Values.tenants | default dict) -}}
{{- $tenants := dict -}}
{{- if $values }}{{ $tenants = include "shared.tenants" .root | fromJson }}{{ end -}}
{{- range $output, $own := dig "redaction" dict $values -}}
{{- $rules := $own.rules | default list -}}
{{- range $all.rules }}{{ $rules = without $rules . }}{{ end -}}
{{- $given := include "shared.redactionRules.given" (dict "rules" $rules "patterns" $own.patterns "replacement" $all.replacement) | fromJsonArray -}}
{{- with and $given (get $tenants $output) }}{{ $redactions = append $redactions (dict "name" (printf "redaction-%s" $output) "counter" (printf "_redactions-%s" $output) "given" $given "namespaces" .) }}{{ end -}}
{{- end -}}
{{- $redactions | toJson -}}
{{- end -}}

{{/* A text as a Lua string. Fluent Bit would expand "${" in the code, so it contains no dollar sign. */}}
{{- define "shared.luaString" -}}
"{{ . | replace "\\" "\\\\" | replace "\"" "\\\"" | replace "$" "\\036" }}"
{{- end -}}

{{/*
Rules and patterns in the order in which they apply, as JSON: maps of name, text (the replacement) and, for patterns, regex.
Argument: `redaction` of the values.
*/}}
{{- define "shared.redactionRules.given" -}}
{{- $redaction := . -}}
{{- $given := list -}}
{{- range $redaction.rules }}{{ $given = append $given (dict "name" . "text" (replace "{rule}" . $redaction.replacement)) }}{{ end -}}
{{- range $name, $pattern := $redaction.patterns -}}
{{- $text := $pattern.replacement | default $redaction.replacement | replace "{rule}" $name -}}
{{- $given = append $given (dict "name" $name "text" $text "regex" $pattern.regex) -}}
{{- end -}}
{{- $given | toJson -}}
{{- end -}}

{{/* The code of a filter: dict "root" $ "redaction" <of shared.redactions>. */}}
{{- define "shared.redactionCode" -}}
{{- $given := list -}}
{{- range .redaction.given -}}
{{- $fields := list -}}
{{- range $key, $value := . }}{{ $fields = append $fields (printf "%s = %s" $key (include "shared.luaString" $value)) }}{{ end -}}
{{- $given = append $given (printf "  { %s }," (join ", " $fields)) -}}
{{- end -}}
{{- $parts := list
  (.root.Files.Get "files/shared/redaction/regex.lua")
  (.root.Files.Get "files/shared/redaction/rules.lua")
  (printf "local given = {\n%s\n}\nlocal counter = %s\n" (join "\n" $given) (include "shared.luaString" .redaction.counter))
  (.root.Files.Get "files/shared/redaction/filter.lua")
-}}
{{- regexReplaceAll "(?m)^ *-- .*\n" (join "" $parts) "" | trim -}}
{{- end -}}

{{/*
The filters, as a JSON list: dict "root" $ and "filters" <of the values, which run before> and, with tenants, "prefix" <regular
expression of what precedes the namespace in tags>. Fluent Bit counts what a filter drops, so for each redaction a record of
`shared.redactionInputs` is dropped by a filter that is named after the rule. None of these records is stored, and no filter of the
values receives them.
*/}}
{{- define "shared.redactionFilters" -}}
{{- $filters := .filters | default list -}}
{{- with include "shared.redactions" (dict "root" .root "tenants" .prefix) | fromJsonArray -}}
{{- $own := list -}}
{{- range $filters }}{{ $own = append $own (eq (toString .match) "*" | ternary (merge (dict "match_regex" "^[^_]") (omit . "match")) .) }}{{ end -}}
{{- $filters = $own -}}
{{- $names := list -}}
{{- range . -}}
{{- $match := dict "match" "*" -}}
{{- if .namespaces }}{{ $match = dict "match_regex" (printf "^(?:%s$|%s%s_)" .counter $.prefix (include "shared.namespacesRegex" .namespaces)) }}{{ end -}}
{{- $code := include "shared.redactionCode" (dict "root" $.root "redaction" .) -}}
{{- $filters = append $filters (merge (dict "name" "lua" "alias" .name "call" "redact" "code" $code "enable_flb_null" true) $match) -}}
{{- range .given }}{{ $names = append $names .name }}{{ end -}}
{{- end -}}
{{- range append ($names | uniq) "error" -}}
{{- $filters = append $filters (dict "name" "grep" "alias" (printf "redacted-%s" .) "match" "_redactions*" "exclude" (printf "rule ^%s$" .)) -}}
{{- end -}}
{{- end -}}
{{- $filters | toJson -}}
{{- end -}}

{{/* The inputs whose records become those that are counted, as a JSON list; arguments as for shared.redactions. */}}
{{- define "shared.redactionInputs" -}}
{{- $inputs := list -}}
{{- range include "shared.redactions" . | fromJsonArray }}{{ $inputs = append $inputs (dict "name" "dummy" "alias" .counter "tag" .counter "interval_sec" 5) }}{{ end -}}
{{- $inputs | toJson -}}
{{- end -}}

{{/* Messages about patterns that cannot work. Argument: the root. */}}
{{- define "shared.checkRedaction" -}}
{{- include "shared.checkRedactionPatterns" (dict "path" "redaction" "patterns" .Values.redaction.patterns) }}
{{- range $output, $own := dig "redaction" dict (.Values.tenants | default dict) }}
{{- include "shared.reject" (list (not (hasKey $.Values.tenants.outputs $output)) (printf "`tenants.redaction.%s` is the redaction of an output that `tenants.outputs` does not permit. Write for example:" $output)
  (printf "tenants.outputs.%s" $output) (list "team-*")) }}
{{- include "shared.checkRedactionPatterns" (dict "path" (printf "tenants.redaction.%s" $output) "patterns" ($own.patterns | default dict)) }}
{{- end }}
{{- end -}}

{{/* The same for one map: dict "path" <of the block that contains it> "patterns" <the map>. */}}
{{- define "shared.checkRedactionPatterns" -}}
{{- $path := .path }}
{{- range $name, $pattern := .patterns }}
{{- $place := printf "%s.patterns.%s.regex" $path $name }}
{{- $regex := $pattern.regex }}
{{- $valid := and (regexMatch (printf "(?:%s)|" $regex) "") (regexMatch (printf "%s|" $regex) "") }}
{{- $rest := $regex | replace "\\\\" "x" }}
{{- $escape := regexFind "\\\\(?:[pPQEC0-7]|x[89A-Fa-f]|x\\{(?:[0-9A-Fa-f]{3,}|[89A-Fa-f][0-9A-Fa-f])\\})" $rest }}
{{- $bare := regexReplaceAll "\\[:\\^?[a-z]+:\\]" (regexReplaceAll "\\\\." $rest "x") "x" }}
{{- $wide := regexFind "\\[[^\\]]*[^\\x00-\\x7f]" $bare }}
{{- $lazy := regexFind "(?:\\[\\^?\\]?[^\\]]*\\]|.)[*+?}]\\?" (regexReplaceAll "\\[\\^?\\]?[^\\]]*\\]" $bare "x") }}
{{- if not $valid }}
{{- include "shared.reject" (list true
  (printf "`%s` is %q, which is not a regular expression of RE2. Backreferences and lookarounds do not exist there; `\\b` is the edge of a word." $place $regex)
  $place "\\bid-[0-9]{8}\\b") }}
{{- else if $escape }}
{{- include "shared.reject" (list true (printf "`%s` contains %s, which redaction does not support. List the characters instead." $place $escape)
  $place "[A-Za-z0-9]+") }}
{{- else if $wide }}
{{- include "shared.reject" (list true
  (printf "`%s` has a character outside ASCII in brackets, but patterns match bytes. List alternatives instead." $place) $place "(?:ä|ö|ü)") }}
{{- else if or $lazy (regexMatch "\\(\\?[a-z]*U" $bare) }}
{{- include "shared.reject" (list true
  (printf "`%s` is %q, but redaction always takes the longest match. Exclude the character that ends it instead of a lazy quantifier." $place $regex)
  $place "token=[^;]*") }}
{{- else }}
{{- include "shared.reject" (list (regexMatch (printf "^(?:%s)$" $regex) "")
  (printf "`%s` is %q, which matches the empty text. Require at least one character." $place $regex) $place "[0-9]+") }}
{{- end }}
{{- include "shared.reject" (list (has $name (list "error" "pem-private-key" "jwt" "bearer-token" "aws-access-key-id" "aws-secret-access-key" "card-number" "iban" "email"))
  (printf "`%s.patterns.%s` has the name of a built-in rule." $path $name) (printf "%s.patterns.my-%s" $path $name) $pattern) }}
{{- end }}
{{- end -}}
