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
