{{/* The least policies that AWS has to allow, and who can assume a role. */}}

{{/* Partition of a region, the second part of every ARN. Argument: the region. */}}
{{- define "shared.partition" -}}
{{- if hasPrefix "cn-" . }}aws-cn{{ else if hasPrefix "us-gov-" . }}aws-us-gov{{ else }}aws{{ end -}}
{{- end -}}

{{/* A policy as pretty JSON. Argument: its statements, a list. */}}
{{- define "shared.policyDocument" -}}
{{- dict "Version" "2012-10-17" "Statement" . | toPrettyJson -}}
{{- end -}}

{{/*
The trust policy of a role for one service account of one cluster: dict "type" <podIdentity, or irsa> "partition"
<name> "region" <name> "cluster" <name, for podIdentity> "namespace" <name> "account" <name>.
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
{{- $provider := printf "oidc.eks.%s.%s/id/OIDC_ID" .region (ternary "amazonaws.com.cn" "amazonaws.com" (eq .partition "aws-cn")) -}}
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
