{{/* The least policies that AWS has to allow, and who can assume a role. */}}

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

{{/*
What a cluster without internet access needs, a sentence: dict "policies" <lists of statements> "identity" <irsa, podIdentity
or node>. Source of the names: https://docs.aws.amazon.com/vpc/latest/privatelink/aws-services-privatelink-support.html
*/}}
{{- define "shared.vpcEndpointsNote" -}}
{{- $names := dict "aps" "aps-workspaces" "ec2" "ec2" "firehose" "kinesis-firehose" "kinesis" "kinesis-streams" "logs" "logs" "s3" "s3" "sns" "sns" "sts" "sts" "xray" "xray" -}}
{{- $services := list "ecr.api" "ecr.dkr" "s3" (get (dict "irsa" "sts" "podIdentity" "eks-auth") .identity) -}}
{{- range .policies }}{{ range . }}{{ range .Action }}{{ $services = append $services (get $names (splitList ":" . | first)) }}{{ end }}{{ end }}{{ end -}}
Without internet access, these values need VPC endpoints of {{ $services | compact | uniq | sortAlpha | join ", " }} (ecr and s3: for images in Amazon ECR).
{{- end -}}
