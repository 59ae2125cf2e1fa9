{{/* Least-privilege IAM policies for the given values. */}}

{{/*
Region and ID of the AMP workspace that a remote-write URL names, as a JSON map; empty for other backends. Argument: the URL.
*/}}
{{- define "observability-stack.ampWorkspace" -}}
{{- $host := regexFind "^https?://[^/?#]+" . | lower | trimSuffix ":443" -}}
{{- /* Directly, or through the VPC endpoint of the service. */ -}}
{{- $parts := regexReplaceAll "^https?://(vpce-[a-z0-9-]+\\.)?aps-workspaces(-fips)?\\.([a-z0-9-]+)\\.(vpce\\.)?([a-z0-9.-]+)$" $host "$3 $5" | splitList " " -}}
{{- if and (eq (len $parts) 2) (has (last $parts) (rest (include "observability-stack.partitionOf" (first $parts) | fromJsonArray))) -}}
{{- dict "region" (first $parts) "id" (regexFind "ws-[A-Za-z0-9-]+" .) | toJson -}}
{{- else -}}
{}
{{- end -}}
{{- end -}}

{{/* IAM statements that allow actions, as a JSON list: a map from each action to its resources, which may be none. */}}
{{- define "observability-stack.allowed" -}}
{{- $statements := list -}}
{{- range $action, $resources := . -}}
{{- with uniq $resources }}{{ $statements = append $statements (dict "Effect" "Allow" "Action" (list $action) "Resource" .) }}{{ end -}}
{{- end -}}
{{- $statements | toJson -}}
{{- end -}}

{{/* IAM statements for remote write, as a JSON list; empty if no remote is an AMP workspace. */}}
{{- define "observability-stack.remoteWriteStatements" -}}
{{- $resources := list -}}
{{- $roles := list -}}
{{- range include "observability-stack.remotesWithDefaults" . | fromJsonArray -}}
{{- $workspace := include "observability-stack.ampWorkspace" .url | fromJson -}}
{{- if (.sigv4 | default dict).role_arn -}}
{{- $roles = append $roles .sigv4.role_arn -}}
{{- else if $workspace.region -}}
{{- $resources = append $resources (printf "arn:%s:aps:%s:ACCOUNT:workspace/%s" (include "observability-stack.partition" $workspace.region) $workspace.region $workspace.id) -}}
{{- end -}}
{{- end -}}
{{- include "observability-stack.allowed" (dict "aps:RemoteWrite" $resources "sts:AssumeRole" $roles) -}}
{{- end -}}

{{/* IAM statement for sending traces, as JSON. X-Ray supports no resource-level permissions for these actions. */}}
{{- define "observability-stack.xrayStatement" -}}
{{- $actions := list "xray:GetSamplingRules" "xray:GetSamplingStatisticSummaries" "xray:GetSamplingTargets" "xray:PutTelemetryRecords" "xray:PutTraceSegments" -}}
{{- dict "Effect" "Allow" "Action" $actions "Resource" "*" | toJson -}}
{{- end -}}

{{/*
Trust policy of a role: dict "root" $ "component" <name> and, for a service account that another installer creates,
"namespace" and "name".
*/}}
{{- define "observability-stack.accountTrustPolicy" -}}
{{- $cluster := .root.Values.cluster -}}
{{- include "observability-stack.trustPolicy" (dict
  "type" .root.Values.identity.type
  "partition" (include "observability-stack.partition" $cluster.region)
  "issuer" $cluster.oidcIssuer
  "cluster" $cluster.name
  "namespace" (.namespace | default .root.Release.Namespace)
  "account" (.name | default (include "observability-stack.serviceAccountName" .))
) -}}
{{- end -}}

{{/*
How a component gets its role, for the notes: dict "root" $ "component" <name> "who" <name of the program> "workload" <its kind
and name, restarted after a new association>.
*/}}
{{- define "observability-stack.roleNotes" -}}
{{- $values := .root.Values -}}
{{- $namespace := .root.Release.Namespace -}}
{{- $account := include "observability-stack.serviceAccountName" . -}}
{{- if eq $values.identity.type "node" -}}
The role of the nodes needs it. Pods can use that role only if the instance metadata has a hop limit of 2 (EKS sets 1); otherwise {{ .who }} has no credentials.
{{- else -}}
The trust policy of the role of {{ .who }}{{ if and (eq $values.identity.type "irsa") (not $values.cluster.oidcIssuer) }} (OIDC_ISSUER is the URL of the cluster's OIDC issuer without https://; set it in cluster.oidcIssuer){{ end }}:

{{ include "observability-stack.accountTrustPolicy" . | indent 2 }}
{{- if eq $values.identity.type "podIdentity" }}

Associate the role with the service account:

  aws eks create-pod-identity-association --region {{ $values.cluster.region }} --cluster-name {{ $values.cluster.name }} --namespace {{ $namespace }} --service-account {{ $account }} --role-arn ROLE_ARN
  kubectl rollout restart --namespace {{ $namespace }} {{ .workload }}    # existing pods do not have it
{{- else if not (include "observability-stack.roleArn" .) }}

serviceAccounts.{{ include "observability-stack.valuesKey" .component }}.roleArn is not set. Until it is, {{ .who }} has no credentials.
{{- end }}
{{- end }}
{{- end -}}

{{/* Environment by which the AWS SDK selects endpoints, a YAML list. Argument: the root. */}}
{{- define "observability-stack.awsEnv" -}}
{{- if .Values.aws.useFipsEndpoints }}
- {name: AWS_USE_FIPS_ENDPOINT, value: "true"}
{{- end }}
{{- if .Values.aws.useDualStackEndpoints }}
- {name: AWS_USE_DUALSTACK_ENDPOINT, value: "true"}
{{- end }}
{{- end -}}

{{/* The statements of policies of all enabled parts and the roles that they assume, a JSON list of lists; for the services in them. */}}
{{- define "observability-stack.policies" -}}
{{- $policies := list -}}
{{- if and .Values.metrics.enabled .Values.server.enabled -}}
{{- $policies = append $policies (include "observability-stack.remoteWriteStatements" . | fromJsonArray) -}}
{{- /* A role that Prometheus assumes has its own policy, for the same service. */ -}}
{{- if contains "aps-workspaces" (toJson .Values.server.remoteWrite) }}{{ $policies = append $policies (list (dict "Action" (list "aps:RemoteWrite"))) }}{{ end -}}
{{- end -}}
{{- $policies = append $policies (include "observability-stack.snsStatements" . | fromJsonArray) -}}
{{- if .Values.traces.enabled }}{{ $policies = append $policies (list (include "observability-stack.xrayStatement" . | fromJson)) }}{{ end -}}
{{- if .Values.containerInsights.enabled }}{{ $policies = append $policies (include "observability-stack.insightsStatements" . | fromJsonArray) }}{{ end -}}
{{- $region := .Values.cluster.region -}}
{{- $agents := list (include "observability-stack.fargateWrites" .) -}}
{{- range list "logs" "events" }}{{ $agents = append $agents (include "observability-stack.fluentBitOutputs" (dict "root" $ "component" .)) }}{{ end -}}
{{- range $agents -}}
{{- $outputs := . | fromJsonArray -}}
{{- $policies = concat $policies (include "observability-stack.outputPolicies" (dict "outputs" $outputs "partition" "aws" "region" $region) | fromJson | values) -}}
{{- end -}}
{{- $policies | toJson -}}
{{- end -}}
