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

{{/*
Who may take the role: this service account of this cluster, and no other. dict "root" $ "account" <key of
serviceAccounts> "component" <name> and, where another installer makes the account, its "namespace" and "name".
*/}}
{{- define "observability-stack.trust" -}}
{{- $values := .root.Values -}}
{{- $account := .name | default (include "observability-stack.serviceAccountName" .) -}}
{{- $namespace := .namespace | default .root.Release.Namespace -}}
{{- if eq $values.identity.type "podIdentity" -}}
{{- $statement := dict "Effect" "Allow" "Principal" (dict "Service" "pods.eks.amazonaws.com") "Action" (list "sts:AssumeRole" "sts:TagSession")
  "Condition" (dict "StringEquals" (dict
    "aws:RequestTag/kubernetes-namespace" $namespace
    "aws:RequestTag/kubernetes-service-account" $account
    "aws:RequestTag/eks-cluster-name" $values.cluster.name)) -}}
{{- include "observability-stack.document" (list $statement) -}}
{{- else -}}
{{- $region := $values.cluster.region -}}
{{- $provider := printf "oidc.eks.%s.%s/id/OIDC_ID" $region (ternary "amazonaws.com.cn" "amazonaws.com" (hasPrefix "cn-" $region)) -}}
{{- $statement := dict
  "Effect" "Allow"
  "Principal" (dict "Federated" (printf "arn:%s:iam::ACCOUNT:oidc-provider/%s" (include "observability-stack.partition" $region) $provider))
  "Action" "sts:AssumeRoleWithWebIdentity"
  "Condition" (dict "StringEquals" (dict (printf "%s:sub" $provider) (printf "system:serviceaccount:%s:%s" $namespace $account) (printf "%s:aud" $provider) "sts.amazonaws.com"))
-}}
{{- include "observability-stack.document" (list $statement) -}}
{{- end -}}
{{- end -}}

{{/*
How a part gets its role, for the notes: dict "root" $ "account" <key of serviceAccounts> "component" <name> "who"
<what signs> "workload" <kind/name, which a new association has to restart>.
*/}}
{{- define "observability-stack.roleNotes" -}}
{{- $values := .root.Values -}}
{{- $namespace := .root.Release.Namespace -}}
{{- $account := include "observability-stack.serviceAccountName" . -}}
{{- if eq $values.identity.type "node" -}}
It is the role of the nodes. Pods reach it only where the nodes' instance metadata has a hop limit of 2 (EKS sets 1 nowadays); else {{ .who }} has nothing to sign with.
{{- else -}}
Its trust policy{{ if eq $values.identity.type "irsa" }} (OIDC_ID is the end of the cluster's issuer){{ end }}:

{{ include "observability-stack.trust" . | indent 2 }}
{{- if eq $values.identity.type "podIdentity" }}

Pod Identity gives it to the service account by:

  aws eks create-pod-identity-association --region {{ $values.cluster.region }} --cluster-name {{ $values.cluster.name }} --namespace {{ $namespace }} --service-account {{ $account }} --role-arn ROLE_ARN
  kubectl rollout restart --namespace {{ $namespace }} {{ .workload }}    # pods that were there before have it not
{{- else if not (or (include "observability-stack.roleArn" .) (get (get $values.serviceAccounts .account).annotations "eks.amazonaws.com/role-arn")) }}

No role is named yet (serviceAccounts.{{ .account }}.annotations, or identity.{{ if eq .account "server" }}roleArn{{ else }}roleArns.{{ .account }}{{ end }}): until one is, {{ .who }} has nothing to sign with.
{{- end }}
{{- end }}
{{- end -}}
