{{/* Checks of what a release may access. */}}

{{/*
A message if a role would be bound to the service account `default`, which pods of other releases use; nothing otherwise.
dict "path" <of the block in the values> "account" <block with create and name>.
*/}}
{{- define "shared.checkDefaultAccount" -}}
{{- if not (or .account.create .account.name) }}
{{ .path }}.create is false and {{ .path }}.name is empty: the chart would grant its RBAC permissions to the service account `default`, and so to every pod of the namespace without a service account of its own. Write the name of your service account:
{{- include "shared.write" (dict "path" (printf "%s.name" .path) "value" "my-service-account") }}
or, if you bind the permissions yourself:
rbac:
  create: false{{ "\f" }}
{{- end }}
{{- end -}}
