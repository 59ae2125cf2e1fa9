{{/* Statements of the policy of the CloudWatch agent's role, as a JSON list. Argument: the root. */}}
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
{{- if $insights.applicationSignals.enabled }}{{ $statements = append $statements (include "observability-stack.xrayStatement" . | fromJson) }}{{ end -}}
{{- $statements | toJson -}}
{{- end -}}

{{- define "observability-stack.containerInsightsNotes" -}}
{{- $insights := .Values.containerInsights -}}
{{- $cluster := .Values.cluster -}}
{{- $group := include "observability-stack.performanceGroup" . -}}
{{- if $insights.enabled }}
{{- $chart := eq $insights.installer "chart" }}
{{- $role := include "observability-stack.roleArn" (dict "root" . "component" "container-insights") -}}
{{- if $chart }}
The CloudWatch agent of each node sends Container Insights to the log group {{ $group }}. {{ if $insights.metrics.extract }}CloudWatch extracts metrics from its events{{ else }}CloudWatch extracts no metrics from its events, because containerInsights.metrics.extract is false{{ end }}. To check that they arrive:
{{- else }}
The chart installs nothing for Container Insights. To install the EKS add-on:

  aws eks create-addon --region {{ $cluster.region }} --cluster-name {{ $cluster.name }} --addon-name amazon-cloudwatch-observability
  {{- if and (eq .Values.identity.type "irsa") $role }} --service-account-role-arn {{ $role }}{{ end }}
  {{- if eq .Values.identity.type "podIdentity" }} --pod-identity-associations serviceAccount=cloudwatch-agent,roleArn=ROLE_ARN{{ end }} --configuration-values '{{ include "observability-stack.addOnConfig" . }}'

The add-on runs in namespace amazon-cloudwatch, and creates the service account cloudwatch-agent. To check that metrics arrive:
{{- end }}

  aws logs tail --region {{ $cluster.region }} {{ $group }} --since 5m
  aws cloudwatch list-metrics --region {{ $cluster.region }} --namespace ContainerInsights --dimensions Name=ClusterName,Value={{ $cluster.name }}
{{- if $chart }}

The EKS add-on amazon-cloudwatch-observability must not be installed, too: it would collect the same metrics again, at the same cost. This command must fail:

  aws eks describe-addon --region {{ $cluster.region }} --cluster-name {{ $cluster.name }} --addon-name amazon-cloudwatch-observability
{{- end }}

The agent sets no retention, so the log group keeps events forever. To set it:

  aws logs put-retention-policy --region {{ $cluster.region }} --log-group-name {{ $group }} --retention-in-days 30
{{- if and $chart (not $insights.hostNetwork) }}

Metrics of nodes have the instance ID as a dimension. They are missing if the instance metadata hop limit is 1, the EKS default. In that case, set containerInsights.hostNetwork: true.
{{- end }}
{{- if and $chart $insights.applicationSignals.enabled }}
{{- $host := printf "%s.%s" (include "observability-stack.componentName" (dict "root" . "component" "container-insights")) .Release.Namespace }}

The chart does not instrument applications. Configure their OpenTelemetry SDK to send Application Signals to http://{{ $host }}:4316/v1/metrics and http://{{ $host }}:4316/v1/traces.
{{- end }}

The least-privilege policy of the role of the CloudWatch agent (ACCOUNT is your AWS account ID):

{{ include "observability-stack.policyDocument" (include "observability-stack.insightsStatements" . | fromJsonArray) | indent 2 }}

{{ if $chart }}
{{- include "observability-stack.roleNotes" (dict "root" . "component" "container-insights" "who" "the CloudWatch agent" "workload" (printf "daemonset/%s" (include "observability-stack.componentName" (dict "root" . "component" "container-insights")))) }}
{{- else if ne .Values.identity.type "node" }}Its trust policy{{ if and (eq .Values.identity.type "irsa") (not .Values.cluster.oidcIssuer) }} (OIDC_ISSUER is the URL of the cluster's OIDC issuer without https://; set it in cluster.oidcIssuer){{ end }}:

{{ include "observability-stack.accountTrustPolicy" (dict "root" . "component" "container-insights" "namespace" "amazon-cloudwatch" "name" "cloudwatch-agent") | indent 2 }}
{{- end }}

Uninstalling keeps {{ if not $chart }}the add-on and {{ end }}the log group. To delete {{ ternary "it" "them" $chart }}:

{{- if not $chart }}

  aws eks delete-addon --region {{ $cluster.region }} --cluster-name {{ $cluster.name }} --addon-name amazon-cloudwatch-observability
{{- else }}
{{ end }}
  aws logs delete-log-group --region {{ $cluster.region }} --log-group-name {{ $group }}
{{- end }}
{{- end -}}
