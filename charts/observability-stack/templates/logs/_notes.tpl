{{/* What an install with this part prints: how to see that it works, its policy, and what an uninstall leaves in AWS. */}}
{{- define "observability-stack.logsNotes" -}}
{{- if include "observability-stack.logsByFluentBit" . -}}
{{- $name := include "observability-stack.componentName" (dict "root" . "component" "logs") -}}
{{- $given := dict "root" . "outputs" (include "observability-stack.logOutputs" . | fromJsonArray) "account" "logs" "component" "logs" "who" "Fluent Bit" "workload" (printf "daemonset/%s" $name) -}}
Fluent Bit collects logs on every Linux node:

  kubectl logs --namespace {{ .Release.Namespace }} daemonset/{{ $name }}
{{- if eq .Values.cluster.name "eks" }}

The cluster is called "eks" in the names of the log groups: say what it is called by cluster.name and cluster.region.
{{- end }}
{{- include "observability-stack.logDestinationNotes" $given }}

Positions and what waits for the backend stay in {{ include "observability-stack.logsStatePath" . }} on the nodes; remove the folder there to start anew.
{{- else if include "observability-stack.logsByFluentd" . -}}
{{- include "observability-stack.fluentdNotes" . -}}
{{- end -}}
{{- end -}}

{{/*
Policy, role, log groups and what is left of them: dict "root" $ "outputs" <list> and what
observability-stack.roleNotes takes.
*/}}
{{- define "observability-stack.logDestinationNotes" -}}
{{- $output := .root.Values.logs.output -}}
{{- $region := .root.Values.cluster.region -}}
{{- $statements := include "observability-stack.logStatements" . | fromJsonArray -}}
{{- if $statements }}
{{- if $output.roleArn }}

The least policy of the role that is assumed ({{ $output.roleArn }}; ACCOUNT is its account's number), which has to trust the agent's own:

{{ include "observability-stack.policyDocument" $statements | indent 2 }}
{{- $statements = list (dict "Effect" "Allow" "Action" (list "sts:AssumeRole") "Resource" (list $output.roleArn)) }}
{{- end }}

The least policy of {{ .who }}'s role{{ if not $output.roleArn }} (ACCOUNT is your account's number){{ end }}:

{{ include "observability-stack.policyDocument" $statements | indent 2 }}

{{ include "observability-stack.roleNotes" . }}
{{- end }}
{{- $groups := include "observability-stack.logGroupNames" .outputs | fromJsonArray }}
{{- with $groups }}

The records, as they arrive, by log group:
{{ range . }}
  aws logs {{ if hasSuffix "*" . }}describe-log-groups --region {{ $region }} --log-group-name-prefix {{ trimSuffix "*" . }}{{ else }}tail {{ . }} --region {{ $region }} --follow{{ end }}
{{- end }}

An uninstall leaves the log groups. To delete one with all that is in it:
{{ range . }}
  aws logs delete-log-group --region {{ $region }} --log-group-name {{ if hasSuffix "*" . }}{{ trimSuffix "*" . }}NAMESPACE    # Container Insights has groups of this prefix too{{ else }}{{ . }}{{ end }}
{{- end }}
{{- else }}

An uninstall leaves what the backend has.
{{- end }}
{{- end -}}
