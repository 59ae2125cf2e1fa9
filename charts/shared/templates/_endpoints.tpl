{{/* Partitions of AWS and the hosts of its services. */}}

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

{{/*
Host of a service: dict "aws" <the values `aws`> "service" <first part of the host> "region" <name>. Source: the endpoint rules
of botocore.
*/}}
{{- define "shared.awsHost" -}}
{{- $partition := include "shared.partitionOf" .region | fromJsonArray -}}
{{- $dualStack := .aws.useDualStackEndpoints -}}
{{- /* In this partition, the usual hosts of these services conform to FIPS. */ -}}
{{- $plain := and (eq (first $partition) "aws-us-gov") (not $dualStack) (has .service (list "kinesis" "logs" "sts")) -}}
{{- $host := ternary (printf "%s-fips" .service) .service (and .aws.useFipsEndpoints (not $plain)) -}}
{{- if eq .service "s3" -}}
{{- list $host (ternary "dualstack" "" $dualStack) .region (index $partition 1) | compact | join "." -}}
{{- else -}}
{{- list $host .region (index $partition (ternary 2 1 $dualStack)) | join "." -}}
{{- end -}}
{{- end -}}
