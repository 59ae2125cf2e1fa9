{{- define "observability-stack.logsNotes" -}}
{{- if .Values.logs.enabled -}}
{{- $fluentd := eq .Values.logs.engine "fluentd" -}}
{{- $name := include "observability-stack.componentName" (dict "root" . "component" "logs") -}}
{{ ternary "fluentd" "Fluent Bit" $fluentd }} collects logs on every Linux node:

  kubectl logs --namespace {{ .Release.Namespace }} daemonset/{{ $name }}
{{- if $fluentd }}
{{- include "observability-stack.fluentdNotes" . }}
{{- else }}
{{- if eq .Values.cluster.name "eks" }}

Log groups contain the name "eks" for the cluster. Set cluster.name and cluster.region to your own.
{{- end }}
{{- include "observability-stack.outputNotes" (dict "root" . "component" "logs" "who" "Fluent Bit" "workload" (printf "daemonset/%s" $name)) }}
{{- end }}

Uninstalling keeps positions and waiting records in {{ include "observability-stack.logsStatePath" . }} on the nodes. To start over, delete that directory.
{{- end -}}
{{- end -}}

{{/*
Policies of the roles, log groups, and resources that an uninstall keeps; arguments as for observability-stack.roleNotes, or, for
Fargate's log router, dict "root" $ "outputs" <list> "role" <text>.
*/}}
{{- define "observability-stack.outputNotes" -}}
{{- $outputs := .outputs -}}
{{- if not $outputs }}{{ $outputs = include "observability-stack.fluentBitOutputs" . | fromJsonArray }}{{ end -}}
{{- $own := .role | default (printf "the role of %s" .who) -}}
{{- $region := .root.Values.cluster.region -}}
{{- $policies := include "observability-stack.outputPolicies" (dict "outputs" $outputs "partition" (include "observability-stack.partition" $region) "region" $region) | fromJson -}}
{{- range $role, $statements := $policies }}

The least-privilege policy of {{ if eq $role "own" }}{{ $own }}{{ else }}the role that outputs assume, {{ $role }}{{ end }} (ACCOUNT is its AWS account ID):

{{ include "observability-stack.policyDocument" $statements | indent 2 }}
{{- if ne $role "own" }}

It must trust {{ $own }}.
{{- end }}
{{- end }}
{{- if and $policies .role }}

Add the policy to that role:

  aws iam put-role-policy --role-name ROLE --policy-name fargate-logging --policy-document file://policy.json
{{- else if $policies }}

{{ include "observability-stack.roleNotes" . }}
{{- end }}
{{- $groups := dict }}
{{- range $outputs }}{{ if eq .name "cloudwatch_logs" }}{{ $_ := set $groups .region (append (get $groups .region | default list) .) }}{{ end }}{{ end }}
{{- if $groups }}

Follow the records by log group:
{{ range $at, $outputs := $groups }}{{ range include "observability-stack.logGroups" $outputs | fromJsonArray }}
  aws logs {{ if hasSuffix "*" . }}describe-log-groups --region {{ $at }} --log-group-name-prefix {{ trimSuffix "*" . }}{{ else }}tail {{ . }} --region {{ $at }} --follow{{ end }}
{{- end }}{{ end }}

Uninstalling keeps the log groups. To delete a log group and its records:
{{ range $at, $outputs := $groups }}{{ range include "observability-stack.logGroups" $outputs | fromJsonArray }}
  aws logs delete-log-group --region {{ $at }} --log-group-name {{ if hasSuffix "*" . }}{{ trimSuffix "*" . }}NAMESPACE    # Container Insights has log groups with this prefix, too{{ else }}{{ . }}{{ end }}
{{- end }}{{ end }}
{{- else }}

Uninstalling keeps the records in the backend.
{{- end }}
{{- end -}}
