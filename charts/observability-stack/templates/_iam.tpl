{{/* The least that AWS has to allow, for the values given. */}}

{{/* Partition of a region, the second part of every ARN. Argument: the region. */}}
{{- define "observability-stack.partition" -}}
{{- if hasPrefix "cn-" . }}aws-cn{{ else if hasPrefix "us-gov-" . }}aws-us-gov{{ else }}aws{{ end -}}
{{- end -}}

{{/*
What the address of a remote tells of a workspace of AMP: region and workspace; nothing for another backend.
Argument: the URL; returns a JSON map.
*/}}
{{- define "observability-stack.workspace" -}}
{{- $host := regexFind "^https?://[^/?#]+" . | lower -}}
{{- $region := regexReplaceAll "^https?://aps-workspaces(-fips)?\\.([a-z0-9-]+)\\.(amazonaws\\.com(\\.cn)?|api\\.aws|api\\.amazonwebservices\\.com\\.cn)(:443)?$" $host "$2" -}}
{{- if ne $region $host -}}
{{- dict "region" $region "id" (regexFind "ws-[A-Za-z0-9-]+" .) | toJson -}}
{{- else -}}
{}
{{- end -}}
{{- end -}}

{{/* Statements of the role that writes, as a JSON list; empty where no remote is a workspace of AMP. */}}
{{- define "observability-stack.statements" -}}
{{- $resources := list -}}
{{- $roles := list -}}
{{- range include "observability-stack.remotes" . | fromJsonArray -}}
{{- $workspace := include "observability-stack.workspace" .url | fromJson -}}
{{- $assumed := (.sigv4 | default dict).role_arn -}}
{{- if $assumed -}}
{{- $roles = append $roles $assumed -}}
{{- else if $workspace.region -}}
{{- $resources = append $resources (printf "arn:%s:aps:%s:ACCOUNT:workspace/%s" (include "observability-stack.partition" $workspace.region) $workspace.region $workspace.id) -}}
{{- end -}}
{{- end -}}
{{- $statements := list -}}
{{- with $resources | uniq }}{{ $statements = append $statements (dict "Effect" "Allow" "Action" (list "aps:RemoteWrite") "Resource" .) }}{{ end -}}
{{- with $roles | uniq }}{{ $statements = append $statements (dict "Effect" "Allow" "Action" (list "sts:AssumeRole") "Resource" .) }}{{ end -}}
{{- $statements | toJson -}}
{{- end -}}

{{- define "observability-stack.document" -}}
{{- dict "Version" "2012-10-17" "Statement" . | toPrettyJson -}}
{{- end -}}

{{/* Who may take the role: this service account of this cluster, and no other. */}}
{{- define "observability-stack.trust" -}}
{{- if eq .Values.identity.type "podIdentity" -}}
{{- $statement := dict "Effect" "Allow" "Principal" (dict "Service" "pods.eks.amazonaws.com") "Action" (list "sts:AssumeRole" "sts:TagSession")
  "Condition" (dict "StringEquals" (dict
    "aws:RequestTag/kubernetes-namespace" .Release.Namespace
    "aws:RequestTag/kubernetes-service-account" (include "observability-stack.serverAccount" .)
    "aws:RequestTag/eks-cluster-name" .Values.cluster.name)) -}}
{{- include "observability-stack.document" (list $statement) -}}
{{- else -}}
{{- $region := .Values.cluster.region -}}
{{- $provider := printf "oidc.eks.%s.%s/id/OIDC_ID" $region (ternary "amazonaws.com.cn" "amazonaws.com" (hasPrefix "cn-" $region)) -}}
{{- $account := printf "system:serviceaccount:%s:%s" .Release.Namespace (include "observability-stack.serverAccount" .) -}}
{{- $statement := dict
  "Effect" "Allow"
  "Principal" (dict "Federated" (printf "arn:%s:iam::ACCOUNT:oidc-provider/%s" (include "observability-stack.partition" $region) $provider))
  "Action" "sts:AssumeRoleWithWebIdentity"
  "Condition" (dict "StringEquals" (dict (printf "%s:sub" $provider) $account (printf "%s:aud" $provider) "sts.amazonaws.com"))
-}}
{{- include "observability-stack.document" (list $statement) -}}
{{- end -}}
{{- end -}}
