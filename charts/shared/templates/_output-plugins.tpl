{{/* The output type `custom`: any other plugin of Fluent Bit, whose options are data: `shared.outputPlugins`. */}}

{{/* Variable of an option from a Secret: dict "output" <of shared.outputs> "option" <name>. */}}
{{- define "shared.optionVariable" -}}
{{- printf "%sOPTION_%s" .output.variable (.option | upper | replace "." "_" | replace "-" "_") -}}
{{- end -}}

{{/*
A section of shared.fluentBitOutput with the options of the values, as JSON: dict "output" "section" "names" "storeDir", as there.
Booleans are the words that every plugin knows.
*/}}
{{- define "shared.customSection" -}}
{{- $output := .output -}}
{{- $names := .names -}}
{{- $section := .section -}}
{{- $plugin := get (include "shared.outputPlugins" $ | fromJson).plugins $output.plugin | default dict -}}
{{- range $option := keys $section -}}
{{- if or (and $plugin.withoutTls (hasPrefix "tls" $option)) (and $plugin.withoutNet (hasPrefix "net." $option)) }}{{ $_ := unset $section $option }}{{ end -}}
{{- end -}}
{{- range list "buffer_dir" "store_dir" }}{{ if has . ($plugin.options | default list) }}{{ $_ := set $section . $.storeDir }}{{ end }}{{ end -}}
{{- range $option, $value := $output.options | default dict -}}
{{- if kindIs "bool" $value -}}
{{- $value = ternary "On" "Off" $value -}}
{{- else if kindIs "float64" $value -}}
{{- $value = eq (floor $value) $value | ternary (int64 $value) $value -}}
{{- else -}}
{{- $text := toJson $value -}}
{{- range $word, $filled := $names }}{{ $text = replace (printf "{%s}" $word) $filled $text }}{{ end -}}
{{- $value = (printf "{\"value\": %s}" $text | fromJson).value -}}
{{- end -}}
{{- $_ := set $section $option $value -}}
{{- end -}}
{{- range $option, $_ := $output.secretOptions | default dict }}{{ $_ := set $section $option (printf "${%s}" (include "shared.optionVariable" (dict "output" $output "option" $option))) }}{{ end -}}
{{- $section | toJson -}}
{{- end -}}

{{/* Messages about the plugin and its options: dict "output" <of shared.outputs> "place" <path> "types" <data of shared.outputTypes>. */}}
{{- define "shared.checkCustomOutput" -}}
{{- $output := .output -}}
{{- $place := .place -}}
{{- $known := include "shared.outputPlugins" $ | fromJson -}}
{{- $plugin := get $known.plugins $output.plugin -}}
{{- $type := eq $output.plugin "es" | ternary "elasticsearch" "" -}}
{{- range $name, $other := .types }}{{ if eq ($other.plugin | default "") $output.plugin }}{{ $type = hasKey $.types $output.plugin | ternary $output.plugin ($type | default $name) }}{{ end }}{{ end -}}
{{- if $type }}
{{- include "shared.reject" (list true (printf "`%s.plugin` is %s, which has a type with options of its own." $place $output.plugin) (printf "%s.type" $place) $type) }}
{{- else if not $plugin }}
{{- include "shared.reject" (list true (printf "`%s.plugin` is %s, which is no output plugin of Fluent Bit 5.1.1 that delivers logs to a backend. Use one of %s." $place $output.plugin (keys $known.plugins | sortAlpha | join ", "))) }}
{{- else }}
{{- $options := concat $known.any $plugin.options (empty $plugin.withoutNet | ternary $known.net list) (empty $plugin.withoutTls | ternary $known.tls list) }}
{{- $own := list "alias" "match" "match_regex" "name" "processors" "retry_limit" "storage.total_limit_size" "tls" "tls.ca_file" "tls.proxy.ca_file" "tls.verify" "tls.verify_hostname" "tls.vhost" "workers" }}
{{- range $option, $value := merge dict ($output.options | default dict) ($output.secretOptions | default dict) }}
{{- if has $option $own }}
{{- include "shared.reject" (list true (printf "`%s` sets the option %s of Fluent Bit, which the chart or another value of the output sets, for example tls.enabled or retryLimit. Remove it." $place $option)) }}
{{- else }}
{{- include "shared.reject" (list (not (has $option $options)) (printf "`%s` sets %s, but %s has no such option. It has %s, and those of its connection (`net.*`, `tls.*`)." $place $option $output.plugin (join ", " $plugin.options))) }}
{{- end }}
{{- include "shared.reject" (list (and (hasKey ($output.options | default dict) $option) (has $option (append $plugin.secrets "tls.key_passwd")))
  (printf "`%s.options` contains %s, a credential, which everyone who can read ConfigMaps would see. Create a Secret, and name its key." $place $option)
  $place (dict "options" (dict $option nil) "secretOptions" (dict $option (dict "name" "my-secret" "key" $option)))) }}
{{- include "shared.reject" (list (and (hasKey ($output.options | default dict) $option) (hasKey ($output.secretOptions | default dict) $option))
  (printf "`%s` sets %s in options and in secretOptions. Remove one of them, for example:" $place $option) (printf "%s.options" $place) (dict $option nil)) }}
{{- end }}
{{- range $option := list "header" "http_header" "avro_http_header" }}
{{- range kindIs "string" (dig "options" $option "" $output) | ternary (list (dig "options" $option "" $output)) (dig "options" $option list $output) }}
{{- $header := splitList " " . | first }}
{{- include "shared.reject" (list (include "shared.isCredential" $header)
  (printf "`%s.options.%s` contains %s, a credential, which everyone who can read ConfigMaps would see. Create a Secret that contains the header, for example \"%s ...\", and name its key." $place $option $header $header)
  (printf "%s.secretOptions.%s" $place $option) (dict "name" "my-secret" "key" "header")) }}
{{- end }}
{{- end }}
{{- include "shared.reject" (list (and (has $output.plugin (list "gelf" "syslog")) (not (has (dig "options" "mode" "udp" $output) (list "tcp" "tls"))))
  (printf "`%s` would send by UDP, which loses records without a word." $place) (printf "%s.options.mode" $place) "tcp") }}
{{- end }}
{{- end -}}
