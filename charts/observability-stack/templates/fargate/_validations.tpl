{{/* Checks of Fargate's log router, which rejects a ConfigMap with anything that it does not support, and then collects nothing. */}}

{{- define "observability-stack.checkFargate" -}}
{{- $logging := .Values.fargate.logging -}}
{{- if $logging.enabled -}}
{{- include "observability-stack.reject" (list (hasPrefix "us-gov-" .Values.cluster.region)
  (printf "`fargate.logging.enabled` is true, but EKS has no Fargate in %s." .Values.cluster.region) "fargate.logging.enabled" false) }}
{{- include "observability-stack.reject" (list (include "observability-stack.redacts" .)
  "`redaction` has rules, but Fargate's log router supports no filter that redacts. Redact in the pods with the sidecar of log-sidecar, and install the log router with a release of its own, without rules."
  "fargate.logging.enabled" false) }}
{{- $types := include "observability-stack.outputTypes" . | fromJson -}}
{{- $supported := list -}}
{{- range $name, $type := $types }}{{ if $type.logRouter }}{{ $supported = append $supported $name }}{{ end }}{{ end -}}
{{- range $output := include "observability-stack.receivers" (dict "root" . "component" "fargate") | fromJsonArray }}
{{- $place := printf "outputs.%s" .name }}
{{- $faults := list }}
{{- $type := get $types .type }}
{{- if not $type.logRouter }}{{ $faults = list (printf "type %s (use %s)" .type (join ", " $supported)) }}{{ end }}
{{- range $path, $option := $type.options }}
{{- $value := (include "observability-stack.at" (dict "values" $output "path" $path) | fromJson).value }}
{{- if and $value (or $option.file (and (kindIs "map" $value) (or $option.secret (eq $path "secretHeaders")))) }}
{{- $faults = append $faults (printf "%s (from a Secret or ConfigMap)" $path) }}
{{- else if and $value (eq $path "tls.caFile") }}
{{- $faults = append $faults (printf "%s (a file)" $path) }}
{{- else if and $value $option.since5 (ne (toString $value) (toString $option.default)) }}
{{- $faults = append $faults (printf "%s %v (later than Fluent Bit 1.9.10)" $path $value) }}
{{- else if and (eq $path "awsServiceName") $output.awsAuth (ne $value "es") }}
{{- $faults = append $faults (printf "%s %s" $path $value) }}
{{- end }}
{{- end }}
{{- $namespaces := dig "match" "namespaces" dict . }}
{{- if or $namespaces.include $namespaces.exclude }}{{ $faults = append $faults "match.namespaces" }}{{ end }}
{{- $others := without (dig "match" "pipelines" list . | default (list "application" "dataplane" "host" "events")) "fargate" }}
{{- include "observability-stack.reject" (list (gt (len $faults) 0)
  (printf "`%s` receives the pipeline fargate, but Fargate's log router does not support %s." $place (join ", " $faults))
  (printf "%s.%s" $place (ternary "match.pipelines" "enabled" (gt (len $others) 0))) (ternary $others false (gt (len $others) 0))) }}
{{- end }}
{{- range $index, $filter := $logging.extraFilters }}
{{- range $option := keys $filter | sortAlpha }}
{{- include "observability-stack.reject" (list (has (lower $option) (list "kube_url" "kube_ca_file" "kube_token_command" "kube_token_file"))
  (printf "`fargate.logging.extraFilters[%d]` has %s, which Fargate sets itself. Remove it." $index $option)) }}
{{- end }}
{{- end }}
{{- $size := 0 }}
{{- range $key, $text := include "observability-stack.fargateData" . | fromJson }}{{ $size = add $size (len $key) (len $text) }}{{ end }}
{{- include "observability-stack.reject" (list (gt $size 5300)
  (printf "The ConfigMap aws-logging would have %d characters, and Fargate accepts 5300. Send the pipeline fargate to fewer outputs (`outputs.<name>.match.pipelines`), or remove entries of `fargate.logging.extraFilters`." $size)) }}
{{- end -}}
{{- end -}}
