{{/* What an install with this part prints: how to see that it works, its policy, and what an uninstall leaves in AWS. */}}

{{/* Statements of the role of the CloudWatch agent, as a JSON list. Argument: the root. */}}
{{- define "observability-stack.insightsStatements" -}}
{{- $insights := .Values.containerInsights -}}
{{- $region := .Values.cluster.region -}}
{{- $groups := list (include "observability-stack.performanceGroup" .) -}}
{{- if $insights.applicationSignals.enabled }}{{ $groups = append $groups "/aws/application-signals/data" }}{{ end -}}
{{- if and (eq $insights.installer "addOn") $insights.addOn.containerLogs -}}
{{- range list "application" "dataplane" "host" }}{{ $groups = append $groups (printf "/aws/containerinsights/%s/%s" $.Values.cluster.name .) }}{{ end -}}
{{- end -}}
{{- $arns := list -}}
{{- range $groups }}{{ $arns = append $arns (printf "arn:%s:logs:%s:ACCOUNT:log-group:%s:*" (include "observability-stack.partition" $region) $region .) }}{{ end -}}
{{- $statements := list
  (dict "Effect" "Allow" "Action" (list "logs:CreateLogGroup" "logs:CreateLogStream" "logs:PutLogEvents") "Resource" $arns)
  (dict "Effect" "Allow" "Action" (list "ec2:DescribeTags" "ec2:DescribeVolumes") "Resource" "*")
-}}
{{- if $insights.applicationSignals.enabled -}}
{{- $statements = append $statements (dict "Effect" "Allow" "Action" (list "xray:GetSamplingRules" "xray:GetSamplingStatisticSummaries" "xray:GetSamplingTargets" "xray:PutTelemetryRecords" "xray:PutTraceSegments") "Resource" "*") -}}
{{- end -}}
{{- $statements | toJson -}}
{{- end -}}

{{- define "observability-stack.containerInsightsNotes" -}}
{{- $insights := .Values.containerInsights -}}
{{- $cluster := .Values.cluster -}}
{{- $group := include "observability-stack.performanceGroup" . -}}
{{- if $insights.enabled }}
{{- $chart := eq $insights.installer "chart" }}
{{- $role := include "observability-stack.roleArn" (dict "root" . "account" "containerInsights") -}}
{{- if $chart }}
Container Insights: the CloudWatch agent of each node writes its measurements to the log group {{ $group }}, of which CloudWatch makes metrics{{ if not $insights.metrics.extract }}: not these, as containerInsights.metrics.extract is false{{ end }}. Whether they arrive:
{{- else }}
Container Insights: nothing of it is installed by this chart; the EKS add-on is, by this command:

  aws eks create-addon --region {{ $cluster.region }} --cluster-name {{ $cluster.name }} --addon-name amazon-cloudwatch-observability
  {{- if and (eq .Values.identity.type "irsa") $role }} --service-account-role-arn {{ $role }}{{ end }}
  {{- if eq .Values.identity.type "podIdentity" }} --pod-identity-associations serviceAccount=cloudwatch-agent,roleArn=ROLE_ARN{{ end }} --configuration-values '{{ include "observability-stack.addOnConfig" . }}'

It runs in namespace amazon-cloudwatch, and makes its service account cloudwatch-agent itself. Whether measurements arrive:
{{- end }}

  aws logs tail --region {{ $cluster.region }} {{ $group }} --since 5m
  aws cloudwatch list-metrics --region {{ $cluster.region }} --namespace ContainerInsights --dimensions Name=ClusterName,Value={{ $cluster.name }}
{{- if $chart }}

The add-on amazon-cloudwatch-observability would measure, and bill, all of it a second time; this has to fail:

  aws eks describe-addon --region {{ $cluster.region }} --cluster-name {{ $cluster.name }} --addon-name amazon-cloudwatch-observability
{{- end }}

The agent knows no retention: the group keeps what it gets for ever, until this is run:

  aws logs put-retention-policy --region {{ $cluster.region }} --log-group-name {{ $group }} --retention-in-days 30
{{- if and $chart (not $insights.hostNetwork) }}

Metrics by node name the node's instance, and are left out where the nodes' instance metadata has a hop limit of 1, as EKS sets nowadays: containerInsights.hostNetwork: true gets around it.
{{- end }}
{{- if and $chart $insights.applicationSignals.enabled }}
{{- $host := printf "%s.%s" (include "observability-stack.componentName" (dict "root" . "component" "container-insights")) .Release.Namespace }}

Nobody instruments applications: their own SDK sends Application Signals to http://{{ $host }}:4316/v1/metrics and http://{{ $host }}:4316/v1/traces.
{{- end }}

The least policy of the role of the CloudWatch agent (ACCOUNT is your account's number):

{{ include "observability-stack.policyDocument" (include "observability-stack.insightsStatements" . | fromJsonArray) | indent 2 }}

{{ if $chart }}
{{- include "observability-stack.roleNotes" (dict "root" . "account" "containerInsights" "component" "container-insights" "who" "the CloudWatch agent" "workload" (printf "daemonset/%s" (include "observability-stack.componentName" (dict "root" . "component" "container-insights")))) }}
{{- else if ne .Values.identity.type "node" }}Its trust policy{{ if eq .Values.identity.type "irsa" }} (OIDC_ID is the end of the cluster's issuer){{ end }}:

{{ include "observability-stack.accountTrustPolicy" (dict "root" . "account" "containerInsights" "component" "container-insights" "namespace" "amazon-cloudwatch" "name" "cloudwatch-agent") | indent 2 }}
{{- end }}

What Container Insights leaves in AWS, and what deletes it:

{{- if not $chart }}

  aws eks delete-addon --region {{ $cluster.region }} --cluster-name {{ $cluster.name }} --addon-name amazon-cloudwatch-observability
{{- else }}
{{ end }}
  aws logs delete-log-group --region {{ $cluster.region }} --log-group-name {{ $group }}
{{- end }}
{{- end -}}
