{{/* Checks of node agents: Fluent Bit, which reads the logs of all pods of its node. */}}

{{/* A message about the version of Fluent Bit: dict "path" <of the image in the values> "image" <that block>. */}}
{{- define "shared.checkFluentBitVersion" -}}
{{- $version := .image.tag -}}
{{- include "shared.reject" (list (and (not .image.digest) (regexMatch "^v?[0-9]+\\.[0-9]+\\.[0-9]+$" $version) (semverCompare "<5.1.1" $version))
  (printf "`%s.tag` is %s, but Fluent Bit before 5.1.1 has known vulnerabilities or is no longer supported." .path $version)
  (printf "%s.tag" .path) "5.1.1") }}
{{- end -}}

{{/* A message about metadata from an old kubelet. Argument: the root. */}}
{{- define "shared.checkKubeletMetadata" -}}
{{- include "shared.reject" (list (and (eq .Values.logs.metadata.from "kubelet") (semverCompare "<1.33-0" .Capabilities.KubeVersion.Version))
  "`logs.metadata.from` is kubelet, but before Kubernetes 1.33 the kubelet requires nodes/proxy, a permission to run commands in any pod."
  "logs.metadata.from" "api") }}
{{- end -}}

{{/* Messages about namespaces that are both read and not. Argument: the root. */}}
{{- define "shared.checkReadNamespaces" -}}
{{- $namespaces := .Values.logs.application.namespaces -}}
{{- range $namespaces.include }}
{{- $name := replace "*" "~" . }}
{{- $rest := list }}
{{- range $namespaces.exclude }}{{ if not (include "shared.matchesGlob" (dict "name" $name "globs" (list .))) }}{{ $rest = append $rest . }}{{ end }}{{ end }}
{{- include "shared.reject" (list (ne (len $rest) (len $namespaces.exclude))
  (printf "Namespace %s is in both `include` and `exclude` of `logs.application.namespaces`. Remove it from one of them." .)
  "logs.application.namespaces.exclude" $rest) }}
{{- end }}
{{- end -}}

{{/*
Messages about the outputs: dict "root" $ "sources" <names of the pipelines> "names" <texts by placeholder> "unlined" <pipelines
with records that have no field `log`> and, for Fluent Bit 1.9.10, "legacy" true.
*/}}
{{- define "shared.checkAgentOutputs" -}}
{{- include "shared.checkTenants" .root -}}
{{- $given := include "shared.agentMatches" . | fromJson -}}
{{- $irsa := eq .root.Values.identity.type "irsa" | ternary (list "identity.type" "podIdentity" "identity.type" "node") list -}}
{{- include "shared.checkOutputs" (merge (dict "root" .root "names" (merge (dict "pipeline" "") .names) "types" (include "shared.outputTypes" .root | fromJson) "legacy" .legacy "aws" .root.Values.aws "irsa" $irsa) $given) -}}
{{- include "shared.checkOutputMatches" $given -}}
{{- $lined := list -}}
{{- range .sources }}{{ if not (has . $.unlined) }}{{ $lined = append $lined . }}{{ end }}{{ end -}}
{{- range $output := $given.outputs }}
{{- range eq (get . "logKey") "log" | ternary $.unlined list }}
{{- include "shared.reject" (list (not (empty (include "shared.outputReceives" (merge (dict "output" $output "source" .) $given))))
  (printf "`outputs.%s.logKey` is log, but the pipeline %s has records without this field, which Fluent Bit would drop. Use another output for it." $output.name .)
  (printf "outputs.%s.match.pipelines" $output.name) $lined) }}
{{- end }}
{{- end }}
{{- end -}}

{{/* The arguments of shared.checkOutputMatches, as JSON; arguments as above. */}}
{{- define "shared.agentMatches" -}}
{{- dict
  "outputs" (include "shared.outputs" .root | fromJsonArray)
  "by" "pipelines"
  "sources" .sources
  "namespaced" (list "application")
  "read" .root.Values.logs.application.namespaces
  "names" .names
| toJson -}}
{{- end -}}

{{/*
Messages about filters, processors and parsers of the values: dict "path" <of the block with extraFilters, extraProcessors and
extraParsers> "settings" <this block>, "multiline" <what selects multiline formats: a path and a value> and, where they apply, "parsers" <names of the chart's
parsers> and "match" <of an output, other than namespaces>.
*/}}
{{- define "shared.checkAgentFilters" -}}
{{- $parsers := .parsers | default list -}}
{{- $match := .match | default (dict "namespaces" (dict "include" (list "shop"))) -}}
{{- range $index, $parser := .settings.extraParsers }}
{{- include "shared.reject" (list (has .name ($.parsers | default list)) (printf "`%s.extraParsers[%d].name` is %s, the name of a parser of the chart." $.path $index .name)
  (printf "%s.extraParsers" $.path) (list (mergeOverwrite dict . (dict "name" (printf "my-%s" .name))))) }}
{{- $parsers = append $parsers .name }}
{{- include "shared.checkParser" (dict "path" (printf "%s.extraParsers" $.path) "place" (printf "%s.extraParsers[%d]" $.path $index) "parser" .) }}
{{- end }}
{{- $plugins := dict -}}
{{- range $index, $filter := .settings.extraFilters }}{{ $_ := set $plugins (printf "%s.extraFilters[%d]" $.path $index) . }}{{ end -}}
{{- range $input, $processors := .settings.extraProcessors -}}
{{- range $index, $processor := . -}}
{{- $place := printf "%s.extraProcessors.%s[%d]" $.path $input $index -}}
{{- $_ := set $plugins $place . -}}
{{- include "shared.reject" (list (has .name (list "cumulative_to_delta" "labels" "metrics_selector" "sampling" "tda"))
  (printf "`%s` is %s, which processes metrics or traces and ignores logs. Write for example:" $place .name)
  (printf "%s.extraProcessors.%s" $.path $input) (list (dict "name" "content_modifier" "action" "insert" "key" "team" "value" "shop"))) }}
{{- end -}}
{{- end -}}
{{- range $place, $plugin := $plugins }}
{{- include "shared.reject" (list (eq .name "rewrite_tag")
  (printf "`%s` is a rewrite_tag: no output matches its new tags, and records that it keeps would be delivered twice. Select records in outputs instead." $place)
  "outputs.shop" (dict "type" "cloudwatch" "match" $match)) }}
{{- include "shared.reject" (concat (list (eq .name "multiline")
  (printf "`%s` is a multiline filter, which loses records when its buffer of 10 MB is full. Select the formats of records instead." $place)) $.multiline) }}
{{- if eq .name "parser" }}
{{- range without (kindIs "slice" .parser | ternary .parser (list .parser)) nil }}
{{- include "shared.reject" (list (not (has . $parsers)) (printf "`%s` requires the parser %v, which does not exist." $place .)
  (printf "%s.extraParsers" $.path) (list (dict "name" . "format" "json"))) }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/*
The inputs of a node agent with the processors of the values, as a JSON list: dict "inputs" <list> "processors" <extraProcessors, by
pipeline>. Tags begin with their pipeline. The processors run after the chart's own, which join records.
*/}}
{{- define "shared.withProcessors" -}}
{{- range $input := .inputs -}}
{{- with get $.processors (splitList "." .tag | first) }}{{ $_ := set $input "processors" (dict "logs" (concat (dig "processors" "logs" list $input) .)) }}{{ end -}}
{{- end -}}
{{- toJson .inputs -}}
{{- end -}}
