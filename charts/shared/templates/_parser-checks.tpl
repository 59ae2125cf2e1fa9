{{/*
Messages about a parser of the values with which Fluent Bit would not start, or would ignore the time of lines: dict "path" <of the
parsers> "place" <of this one> "parser" <map>.
*/}}
{{- define "shared.checkParser" -}}
{{- $parser := .parser -}}
{{- $path := .path -}}
{{- $place := .place -}}
{{- $key := toString ($parser.time_key | default "time") -}}
{{- $regex := toString ($parser.regex | default "") -}}
{{- $regular := eq $parser.format "regex" -}}
{{- $example := mergeOverwrite dict (omit $parser "regex") (dict "regex" "^(?<time>[^ ]+) (?<level>[A-Z]+) (?<log>.*)$") -}}
{{- include "shared.reject" (list (and $regular (not $regex)) (printf "`%s.format` is regex, but the parser has no regular expression. Write for example:" $place) $path (list $example)) }}
{{- include "shared.reject" (list (and $regex (not $regular)) (printf "`%s.regex` is set, but `format: %s` ignores it." $place $parser.format) $path (list (omit $parser "regex"))) }}
{{- include "shared.reject" (list (and $regular $regex (not (include "shared.validRegex" $regex)))
  (printf "`%s.regex` is %q, which is not a regular expression. Write for example:" $place $regex) $path (list $example)) }}
{{- include "shared.reject" (list (and $regular $regex (not (regexMatch "\\(\\?<[A-Za-z_]" $regex)))
  (printf "`%s.regex` is %q, but only named groups become fields. Write for example:" $place $regex) $path (list $example)) }}
{{- include "shared.reject" (list (and $regular $parser.time_format (contains "(?<" $regex) (not (contains (printf "(?<%s>" $key) $regex)))
  (printf "`%s.time_format` is set, but `regex` has no group with the name %s. Name the group, or write `time_key`. For example:" $place $key) $path (list $example)) }}
{{- range $option := list "time_key" "time_offset" "time_zone" "time_system_timezone" }}
{{- include "shared.reject" (list (and (get $parser .) (not $parser.time_format)) (printf "`%s.%s` is set, but without `time_format` Fluent Bit does not read the time." $place .)
  $path (list (mergeOverwrite dict $parser (dict "time_format" "%Y-%m-%dT%H:%M:%S.%L%z")))) }}
{{- end }}
{{- /* Names that the table of Fluent Bit (5.1.1) lacks, and those of zones with the same time, which it has. */}}
{{- $same := dict "Europe/Madrid" "Europe/Paris" "CET" "Europe/Paris" "Atlantic/Faroe" "Europe/London" "GMT" "Etc/UTC" "UTC" "Etc/UTC"
  "US/Eastern" "America/New_York" "US/Pacific" "America/Los_Angeles" "America/Indiana/Indianapolis" "America/Indianapolis"
  "America/Kentucky/Louisville" "America/Louisville" "America/Ciudad_Juarez" "America/Denver" "Africa/Asmara" "Africa/Nairobi"
  "America/Argentina/Buenos_Aires" "America/Buenos_Aires" "America/Argentina/Cordoba" "America/Cordoba" }}
{{- with get $same (toString $parser.time_zone) }}
{{- include "shared.reject" (list true (printf "`%s.time_zone` is %s, which Fluent Bit does not know. A zone with the same time is %s." $place $parser.time_zone .)
  $path (list (mergeOverwrite dict $parser (dict "time_zone" .)))) }}
{{- end }}
{{- $zones := include "shared.nonEmpty" (pick $parser "time_offset" "time_zone" "time_system_timezone") | fromJson }}
{{- include "shared.reject" (list (gt (len $zones) 1) (printf "`%s` sets %s, of which Fluent Bit accepts one." $place (keys $zones | sortAlpha | join " and "))
  $path (list (omit $parser "time_offset" "time_system_timezone"))) }}
{{- include "shared.reject" (list (and $parser.time_offset (not (regexMatch "^([+-](0[0-9]|1[0-4]):?[0-5][0-9]|Z)$" (toString $parser.time_offset))))
  (printf "`%s.time_offset` is %v, which is not the offset of a time zone. Write for example:" $place $parser.time_offset) $path (list (mergeOverwrite dict $parser (dict "time_offset" "+0200")))) }}
{{- end -}}
