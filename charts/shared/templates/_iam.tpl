{{/* The least policies that AWS has to allow, and who can assume a role. */}}

{{/*
The partitions of AWS other than `aws` by the prefix of their regions: ID, DNS suffix, DNS suffix of dual-stack endpoints.
Source: partitions.json of botocore.
*/}}
{{- define "shared.partitions" -}}
{
  "cn-": ["aws-cn", "amazonaws.com.cn", "api.amazonwebservices.com.cn"],
  "eu-isoe-": ["aws-iso-e", "cloud.adc-e.uk", "api.cloud-aws.adc-e.uk"],
  "eusc-": ["aws-eusc", "amazonaws.eu", "api.amazonwebservices.eu"],
  "us-gov-": ["aws-us-gov", "amazonaws.com", "api.aws"],
  "us-iso-": ["aws-iso", "c2s.ic.gov", "api.aws.ic.gov"],
  "us-isob-": ["aws-iso-b", "sc2s.sgov.gov", "api.aws.scloud"],
  "us-isof-": ["aws-iso-f", "csp.hci.ic.gov", "api.aws.hci.ic.gov"]
}
{{- end -}}

{{/* Partition of a region, as a JSON list: ID, DNS suffix, DNS suffix of dual-stack endpoints. Argument: the region. */}}
{{- define "shared.partitionOf" -}}
{{- $found := list "aws" "amazonaws.com" "api.aws" -}}
{{- range $prefix, $partition := include "shared.partitions" . | fromJson }}{{ if hasPrefix $prefix $ }}{{ $found = $partition }}{{ end }}{{ end -}}
{{- $found | toJson -}}
{{- end -}}

{{/* ID of a region's partition, the second part of every ARN. Argument: the region. */}}
{{- define "shared.partition" -}}
{{- include "shared.partitionOf" . | fromJsonArray | first -}}
{{- end -}}

{{/* DNS suffix of a region's endpoints. Argument: the region. */}}
{{- define "shared.dnsSuffix" -}}
{{- index (include "shared.partitionOf" . | fromJsonArray) 1 -}}
{{- end -}}

{{/* A policy as pretty JSON. Argument: its statements, a list. */}}
{{- define "shared.policyDocument" -}}
{{- dict "Version" "2012-10-17" "Statement" . | toPrettyJson -}}
{{- end -}}

{{/*
The trust policy of a role for one service account of one cluster: dict "type" <podIdentity, or irsa> "partition"
<name> "issuer" <URL of the OIDC issuer, empty for a placeholder> "cluster" <name, for podIdentity> "namespace" <name>
"account" <name>. The issuer cannot be derived from the region: clusters have different hosts.
*/}}
{{- define "shared.trustPolicy" -}}
{{- if eq .type "podIdentity" -}}
{{- $tags := dict
  "aws:RequestTag/kubernetes-namespace" .namespace
  "aws:RequestTag/kubernetes-service-account" .account
  "aws:RequestTag/eks-cluster-name" .cluster
-}}
{{- include "shared.policyDocument" (list (dict
  "Effect" "Allow"
  "Principal" (dict "Service" "pods.eks.amazonaws.com")
  "Action" (list "sts:AssumeRole" "sts:TagSession")
  "Condition" (dict "StringEquals" $tags)
)) -}}
{{- else -}}
{{- $provider := .issuer | default "OIDC_ISSUER" | trimPrefix "https://" -}}
{{- $claims := dict
  (printf "%s:sub" $provider) (printf "system:serviceaccount:%s:%s" .namespace .account)
  (printf "%s:aud" $provider) "sts.amazonaws.com"
-}}
{{- include "shared.policyDocument" (list (dict
  "Effect" "Allow"
  "Principal" (dict "Federated" (printf "arn:%s:iam::ACCOUNT:oidc-provider/%s" .partition $provider))
  "Action" "sts:AssumeRoleWithWebIdentity"
  "Condition" (dict "StringEquals" $claims)
)) -}}
{{- end -}}
{{- end -}}
