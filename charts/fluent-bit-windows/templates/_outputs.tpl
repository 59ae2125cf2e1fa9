{{/* Outputs: for each entry of `outputs`, one output of Fluent Bit per pipeline that it receives. */}}

{{/* Names of the enabled pipelines, as JSON. */}}
{{- define "fluent-bit-windows.pipelines" -}}
{{- $names := list -}}
{{- range list "application" "dataplane" "host" }}{{ if (get $.Values.logs .).enabled }}{{ $names = append $names . }}{{ end }}{{ end -}}
{{- $names | toJson -}}
{{- end -}}

{{/* Values of placeholders, as JSON; {pipeline} is added where it is known. */}}
{{- define "fluent-bit-windows.names" -}}
{{- dict "cluster" (include "fluent-bit-windows.clusterName" .) "region" (include "fluent-bit-windows.region" .) "node" "${HOST_NAME}" | toJson -}}
{{- end -}}

{{- define "fluent-bit-windows.fluentBitOutputs" -}}
{{- $types := include "fluent-bit-windows.outputTypes" . | fromJson -}}
{{- $names := include "fluent-bit-windows.names" . | fromJson -}}
{{- $pipelines := include "fluent-bit-windows.pipelines" . | fromJsonArray -}}
{{- /* In a tag, the namespace is between the first two underscores: names of pods and namespaces contain none. */ -}}
{{- $prefix := printf "%s[^_]+_" (include "fluent-bit-windows.tagPrefix" . | replace "." "\\.") -}}
{{- $sections := list -}}
{{- range $output := include "fluent-bit-windows.outputs" . | fromJsonArray -}}
{{- range $pipeline := $pipelines -}}
{{- if include "fluent-bit-windows.outputReceives" (dict "output" $output "by" "pipelines" "source" $pipeline "namespaced" (list "application")) -}}
{{- $alias := gt (len $pipelines) 1 | ternary (printf "%s-%s" $output.name $pipeline) $output.name -}}
{{- $section := include "fluent-bit-windows.pipelineOutput" (dict
  "output" $output
  "pipeline" $pipeline
  "alias" $alias
  "prefix" $prefix
  "labels" (and (eq $pipeline "application") (ne $.Values.logs.metadata.from "tag"))
  "types" $types
  "names" $names
  "aws" $.Values.aws
  "caDirectory" (printf "%s\\fluent-bit-ca" (include "fluent-bit-windows.drive" $))
  "separator" "\\"
  "trust" (include "fluent-bit-windows.trust" (dict "root" $ "file" (printf "%s\\ca-bundle\\ca.crt" (include "fluent-bit-windows.drive" $))) | fromJson)
  "legacy" (include "fluent-bit-windows.isLegacy" $)
  "storeDir" (printf "%s\\s3\\%s" (include "fluent-bit-windows.stateDir" $) $alias)
) | fromJson -}}
{{- with include "fluent-bit-windows.amazonCaFile" (dict "root" $ "output" $output "section" $section) }}{{ $_ := set $section "tls.ca_file" . }}{{ end -}}
{{- $sections = append $sections $section -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $sections | toJson -}}
{{- end -}}

{{/* Amazon's root certificates, a file in the agent's ConfigMap, where an output of this release uses them. */}}
{{- define "fluent-bit-windows.caCertificates" -}}
{{- if contains "\\amazon-root-certificates.pem" (include "fluent-bit-windows.fluentBitOutputs" .) }}{{ .Files.Get "files/amazon-root-certificates.pem" }}{{ end -}}
{{- end -}}

{{/*
Path of this file for an output to AWS without a CA of its own, otherwise empty: dict "root" $ "output" <of fluent-bit-windows.outputs>
"section" <of fluent-bit-windows.pipelineOutput>. Other partitions have certificates of other authorities.
*/}}
{{- define "fluent-bit-windows.amazonCaFile" -}}
{{- $region := .section.region | default .section.aws_region | default "" -}}
{{- $partition := include "fluent-bit-windows.partition" (contains "$" $region | ternary .root.Values.cluster.region $region) -}}
{{- $aws := and (hasKey .output "stsEndpoint") (dig "awsAuth" true .output) (has $partition (list "aws" "aws-us-gov")) -}}
{{- if and .root.Values.amazonRootCertificates $aws (not (get .section "tls.ca_file")) -}}
{{- include "fluent-bit-windows.drive" .root -}}\fluent-bit-config\amazon-root-certificates.pem
{{- end -}}
{{- end -}}
