{{/*
Redaction (`redaction` of the values): a Lua filter of Fluent Bit after all other filters. Filters run before records are stored, so
that neither the disk nor an output gets a secret. Fluent Bit's plugins for fields cannot do this: they know fields by name.
*/}}

{{/* Whether anything is redacted. Argument: the root. */}}
{{- define "shared.redacts" -}}
{{- if or .Values.redaction.rules .Values.redaction.patterns }}true{{ end -}}
{{- end -}}

{{/* A text as a Lua string. Fluent Bit would expand "${" in the code, so it contains no dollar sign. */}}
{{- define "shared.luaString" -}}
"{{ . | replace "\\" "\\\\" | replace "\"" "\\\"" | replace "$" "\\036" }}"
{{- end -}}

{{/* Rules and patterns in the order in which they apply, as JSON: maps of name, text (the replacement) and, for patterns, regex. */}}
{{- define "shared.redactionRules.given" -}}
{{- $redaction := .Values.redaction -}}
{{- $given := list -}}
{{- range $redaction.rules }}{{ $given = append $given (dict "name" . "text" (replace "{rule}" . $redaction.replacement)) }}{{ end -}}
{{- range $name, $pattern := $redaction.patterns -}}
{{- $text := $pattern.replacement | default $redaction.replacement | replace "{rule}" $name -}}
{{- $given = append $given (dict "name" $name "text" $text "regex" $pattern.regex) -}}
{{- end -}}
{{- $given | toJson -}}
{{- end -}}

{{/* The code of the filter. Argument: the root. */}}
{{- define "shared.redactionCode" -}}
{{- $given := list -}}
{{- range include "shared.redactionRules.given" . | fromJsonArray -}}
{{- $fields := list -}}
{{- range $key, $value := . }}{{ $fields = append $fields (printf "%s = %s" $key (include "shared.luaString" $value)) }}{{ end -}}
{{- $given = append $given (printf "  { %s }," (join ", " $fields)) -}}
{{- end -}}
{{- $parts := list
  (.Files.Get "files/shared/redaction/regex.lua")
  (.Files.Get "files/shared/redaction/rules.lua")
  (printf "local given = {\n%s\n}\n" (join "\n" $given))
  (.Files.Get "files/shared/redaction/filter.lua")
-}}
{{- regexReplaceAll "(?m)^ *-- .*\n" (join "" $parts) "" | trim -}}
{{- end -}}

{{/*
The filters, as a JSON list: dict "root" $ and "filters" <of the values, which run before>. Fluent Bit counts what a filter drops,
so for each redaction a record of `shared.redactionInputs` is dropped by a filter that is named after the rule. None of these records
is stored, and no filter of the values receives them.
*/}}
{{- define "shared.redactionFilters" -}}
{{- $filters := .filters | default list -}}
{{- if include "shared.redacts" .root -}}
{{- $own := list -}}
{{- range $filters }}{{ $own = append $own (eq (toString .match) "*" | ternary (merge (dict "match_regex" "^[^_]") (omit . "match")) .) }}{{ end -}}
{{- $code := include "shared.redactionCode" .root -}}
{{- $filters = append $own (dict "name" "lua" "alias" "redaction" "match" "*" "call" "redact" "code" $code "enable_flb_null" true) -}}
{{- $names := list -}}
{{- range include "shared.redactionRules.given" .root | fromJsonArray }}{{ $names = append $names .name }}{{ end -}}
{{- range append $names "error" -}}
{{- $filters = append $filters (dict "name" "grep" "alias" (printf "redacted-%s" .) "match" "_redactions" "exclude" (printf "rule ^%s$" .)) -}}
{{- end -}}
{{- end -}}
{{- $filters | toJson -}}
{{- end -}}

{{/* The input whose records become those that are counted, as a JSON list. Argument: the root. */}}
{{- define "shared.redactionInputs" -}}
{{- $input := dict "name" "dummy" "alias" "_redactions" "tag" "_redactions" "interval_sec" 5 -}}
{{- include "shared.redacts" . | empty | ternary list (list $input) | toJson -}}
{{- end -}}

{{/* Messages about patterns that cannot work. Argument: the root. */}}
{{- define "shared.checkRedaction" -}}
{{- range $name, $pattern := .Values.redaction.patterns }}
{{- $place := printf "redaction.patterns.%s.regex" $name }}
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
  (printf "`redaction.patterns.%s` has the name of a built-in rule." $name) (printf "redaction.patterns.my-%s" $name) $pattern) }}
{{- end }}
{{- end -}}
