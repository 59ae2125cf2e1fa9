{{/* The IAM policies that AWS outputs require, for NOTES.txt. Argument: the root. */}}
{{- define "log-sidecar.iamNotes" -}}
{{- $names := dict "container" .Values.app.name "namespace" .Release.Namespace "node" "*" "pod" "*" "region" "REGION" -}}
{{- $sections := list -}}
{{- $region := "REGION" -}}
{{- $scope := dict "types" (include "log-sidecar.outputTypes" . | fromJson) "names" $names "aws" .Values.aws "caDirectory" "" "storeDir" "" -}}
{{- range include "log-sidecar.activeOutputs" . | fromJsonArray -}}
{{- $section := include "log-sidecar.fluentBitOutput" (merge (dict "output" .) $scope) | fromJson -}}
{{- $sections = append $sections $section -}}
{{- $region = $section.region | default $section.aws_region | default $region -}}
{{- end -}}
{{- $arn := .Values.serviceAccount.roleArn -}}
{{- $partition := include "log-sidecar.partition" $region -}}
{{- if $arn }}{{ $partition = index (splitList ":" $arn) 1 }}{{ end -}}
{{- $policies := include "log-sidecar.outputPolicies" (dict "outputs" $sections "partition" $partition "region" $region) | fromJson -}}
{{- range $role, $statements := $policies }}

{{ eq $role "own" | ternary "The role of the pod" (printf "The role %s" $role) }} needs no more than this policy (replace words in capitals):

{{ include "log-sidecar.policyDocument" $statements | indent 2 }}
{{- end }}
{{- with include "log-sidecar.logGroupNotes" (dict "outputs" (include "log-sidecar.activeOutputs" . | fromJsonArray) "pipelines" (list "") "names" $names "partition" $partition "region" $region) | trim }}

{{ . }}
{{- end }}
{{- if $policies }}

{{ include "log-sidecar.vpcEndpointsNote" (dict "policies" (values $policies) "identity" (ternary "irsa" "podIdentity" (ne $arn ""))) }}
{{- end }}
{{- if and $policies $arn }}

The trust policy of {{ $arn }} (OIDC_ISSUER is the URL of the cluster's OIDC issuer without https://):

{{ include "log-sidecar.trustPolicy" (dict "type" "irsa" "partition" $partition "issuer" "" "namespace" .Release.Namespace "account" (include "log-sidecar.serviceAccountName" .)) | indent 2 }}
{{- else if $policies }}

{{ if include "log-sidecar.onFargate" . }}Set the role in the annotation eks.amazonaws.com/role-arn of the service account {{ include "log-sidecar.serviceAccountName" . }}.
{{- else }}Set the role in serviceAccount.roleArn, or associate it with the service account {{ include "log-sidecar.serviceAccountName" . }} by EKS Pod Identity.
{{- end }}
{{- end }}
{{- end -}}
