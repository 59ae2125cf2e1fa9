{{/* Checks of what a release may access. */}}

{{/*
A message if a role would be bound to the service account `default`, which pods of other releases use; nothing otherwise.
dict "path" <of the block in the values> "account" <block with create and name>.
*/}}
{{- define "shared.checkDefaultAccount" -}}
{{- include "shared.reject" (list (not (or .account.create .account.name))
  (printf "`%s.create` is false and `%s.name` is empty: the chart would grant its RBAC permissions to the service account `default`, and so to every pod of the namespace without a service account of its own. Name your service account, or bind the permissions yourself." .path .path)
  (printf "%s.name" .path) "my-service-account" "rbac.create" false) }}
{{- end -}}

{{/*
Messages about the IAM role of a service account: dict "path" <of the block in the values> "account" <block with create,
annotations and, if it has one, roleArn> and, where the chart has one, "type" <of the identity>.
*/}}
{{- define "shared.checkRole" -}}
{{- $key := "eks.amazonaws.com/role-arn" -}}
{{- $annotated := get .account.annotations $key -}}
{{- $role := get .account "roleArn" | default $annotated -}}
{{- range $found, $value := .account.annotations }}
{{- include "shared.reject" (list (and (hasSuffix "/role-arn" $found) (ne $found $key))
  (printf "`%s.annotations` has the key %q, but EKS reads only %s." $.path $found $key)
  (printf "%s.annotations" $.path) (dict $key $value)) }}
{{- end }}
{{- include "shared.reject" (list (and $annotated (ne $role $annotated))
  (printf "`%s.roleArn` and the annotation %s name different roles. Keep one of them." .path $key)
  (printf "%s.roleArn" .path) $annotated) }}
{{- include "shared.reject" (list (and $role (not .account.create))
  (printf "`%s` names an IAM role, but `%s.create` is false. Annotate your own service account, or let the chart create one." .path .path)
  (printf "%s.create" .path) true) }}
{{- include "shared.reject" (list (and $role (ne (.type | default "irsa") "irsa"))
  (printf "`%s` names an IAM role for IRSA, but `identity.type` is %s. Remove the role, or change the type." .path .type)
  "identity.type" "irsa") }}
{{- end -}}

{{/* ARN of the IAM role of a service account, by its value or its annotation. Argument: the account's values. */}}
{{- define "shared.roleOf" -}}
{{- .roleArn | default (get .annotations "eks.amazonaws.com/role-arn") -}}
{{- end -}}

{{/*
A message about a role that pods would assume although they already have it, which requires that the role trusts itself: dict
"option" <path of the ARN in the values> "role" <the ARN> "path" <of the service account> "account" <as above> "pairs" <what to
write>.
*/}}
{{- define "shared.checkAssumedRole" -}}
{{- $own := include "shared.roleOf" .account -}}
{{- include "shared.reject" (concat (list (and .role (eq .role $own))
  (printf "`%s` is the role of `%s`, which the pods already have, and AWS does not let a role assume itself unless its trust policy names it. Remove the option." .option .path)) .pairs) }}
{{- end -}}

{{/* The same about an output: dict "output" <of shared.outputs> "path" "account" <as above>. */}}
{{- define "shared.checkOutputRole" -}}
{{- $option := printf "outputs.%s.roleArn" .output.name -}}
{{- include "shared.checkAssumedRole" (merge (dict "option" $option "role" (get .output "roleArn") "pairs" (list $option "")) .) }}
{{- end -}}

{{/*
A message about an OIDC issuer in another Region than `cluster.region`. Hosts of other forms, for example in tests, name no
Region. Argument: `cluster` of the values.
*/}}
{{- define "shared.checkIssuerRegion" -}}
{{- $issuer := include "shared.issuerRegion" .oidcIssuer -}}
{{- include "shared.reject" (list (and $issuer (ne $issuer .region))
  (printf "`cluster.region` is %s, but `cluster.oidcIssuer` is the issuer of a cluster in %s." .region $issuer) "cluster.region" $issuer) }}
{{- end -}}

{{/* The Region that the URL of an OIDC issuer of EKS names, or nothing. Argument: the URL. */}}
{{- define "shared.issuerRegion" -}}
{{- regexFind "^https://oidc(-eks|\\.eks)(-fips)?\\.[a-z0-9-]+" . | regexFind "[a-z0-9-]+$" -}}
{{- end -}}
