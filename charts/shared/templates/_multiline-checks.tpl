{{/* Checks of multiline formats and of regular expressions. */}}

{{/*
Messages about parsers of the values, which would not work: dict "path" <of extraMultilineParsers> "own" <its value> "used" <a list of
maps: "path" <of the value that selects formats>, "formats" <names> and, if there are any, "also" <names that are valid there>>.
*/}}
{{- define "shared.checkMultiline" -}}
{{- $known := include "shared.multilineFormats" . | fromYaml | keys | sortAlpha -}}
{{- $names := list -}}
{{- range $index, $parser := .own }}
{{- $place := printf "%s[%d]" $.path $index }}
{{- include "shared.reject" (list (has .name (concat $known (list "docker" "cri" "regex"))) (printf "`%s.name` is %s, the name of a built-in format." $place .name)
  $.path (list (mergeOverwrite dict . (dict "name" (printf "my-%s" .name))))) }}
{{- include "shared.reject" (list (has .name $names) (printf "`%s.name` is %s, which an earlier parser already has." $place .name)
  $.path (list (mergeOverwrite dict . (dict "name" (printf "%s-2" .name))))) }}
{{- $names = append $names .name }}
{{- include "shared.checkMultilineRules" (dict "path" $.path "place" $place "parser" .) }}
{{- end }}
{{- range $used := .used }}
{{- $valid := concat (.also | default list) $known $names }}
{{- range without .formats "" }}
{{- include "shared.reject" (list (not (has . $valid))
  (printf "`%s` contains the format %s, which does not exist. Write one of %s, or add a parser:" $used.path . (join ", " $valid))
  $.path (list (dict "name" . "rules" (include "shared.multilineExample" $ | fromYamlArray)))) }}
{{- end }}
{{- end }}
{{- end -}}

{{- define "shared.multilineExample" -}}
- {state: start_state, regex: '^\d{4}-', next_state: more}
- {state: more, regex: '^(?!\d{4}-)', next_state: more}
{{- end -}}

{{/* Messages about the rules of a parser: dict "path" <of the parsers> "place" <of this one> "parser" <map>. */}}
{{- define "shared.checkMultilineRules" -}}
{{- $states := dict -}}
{{- range .parser.rules }}{{ range splitList "," .state }}{{ $_ := set $states (trim .) true }}{{ end }}{{ end -}}
{{- $starts := dict -}}
{{- range .parser.rules }}{{ $from := splitList "," (nospace .state) }}{{ if has "start_state" $from }}{{ range $from }}{{ $_ := set $starts . true }}{{ end }}{{ end }}{{ end -}}
{{- $example := list .path (list (dict "name" .parser.name "rules" (include "shared.multilineExample" . | fromYamlArray))) -}}
{{- include "shared.reject" (concat (list (not (hasKey $starts "start_state")) (printf "`%s.rules` has no rule with the state start_state, so no record would begin." .place)) $example) }}
{{- range $index, $rule := .parser.rules }}
{{- $place := printf "%s.rules[%d]" $.place $index }}
{{- include "shared.reject" (concat (list (not (hasKey $states .next_state)) (printf "`%s.next_state` is %s, but no rule has this state." $place .next_state)) $example) }}
{{- include "shared.reject" (concat (list (hasKey $starts .next_state)
  (printf "`%s.next_state` is %s, with which a record begins: Fluent Bit would duplicate the line. Name a state of lines that continue the record." $place .next_state)) $example) }}
{{- include "shared.reject" (concat (list (not (include "shared.validRegex" .regex))
  (printf "`%s.regex` is %q, which is not a regular expression." $place .regex)) $example) }}
{{- end }}
{{- end -}}

{{/*
Whether a text is a regular expression of Onigmo, which Fluent Bit uses: "true", or nothing. Helm has RE2, so what only Onigmo has
(lookarounds, possessive quantifiers, backreferences) is replaced first. Argument: the text.
*/}}
{{- define "shared.validRegex" -}}
{{- $plain := regexReplaceAll "^/(.*)/[imx]*$" . "${1}" -}}
{{- $plain = regexReplaceAll "\\\\(?:[xkgpPhHRX](?:\\{[^}]*\\}|<[^>]*>)?|.)" $plain "x" -}}
{{- $plain = regexReplaceAll "\\[\\^?\\]?(?:\\[:\\^?[a-z]+:\\]|[^\\]\\[])*\\]" $plain "x" -}}
{{- $plain = regexReplaceAll "\\(\\?(?:<?[=!]|[>~:]|<[A-Za-z_]\\w*>|[imx-]+:)" $plain "(" -}}
{{- $plain = regexReplaceAll "\\(\\?[imx-]+\\)|\\(\\?#[^)]*\\)" $plain "" -}}
{{- $plain = regexReplaceAll "\\{[0-9]*,?[0-9]*\\}" $plain "*" -}}
{{- $plain = regexReplaceAll "([*+?])[*+?]+" $plain "${1}" -}}
{{- if and (regexMatch (printf "(?:%s)|" $plain) "") (regexMatch (printf "%s|" $plain) "") }}true{{ end -}}
{{- end -}}
