{{/* The output type `kafka`: connections are those of librdkafka, with its own options for TLS and SASL. */}}

{{/* A section of shared.fluentBitOutput with these options, as JSON: dict "output" "section" "trust", as there. */}}
{{- define "shared.kafkaSection" -}}
{{- $section := omit .section "tls.ca_file" "tls.proxy.ca_file" -}}
{{- if $section.aws_msk_iam_cluster_arn }}{{ $_ := set $section "aws_msk_iam" true }}{{ end -}}
{{- $sasl := or (get $section "rdkafka.sasl.mechanism") $section.aws_msk_iam_cluster_arn | empty | ternary "" "SASL" -}}
{{- $_ := set $section "rdkafka.security.protocol" (list $sasl (ternary "SSL" "PLAINTEXT" .output.tls.enabled) | compact | join "_") -}}
{{- $bundle := get (.trust | default dict) "tls.ca_file" -}}
{{- if and $bundle (eq (get $section "rdkafka.ssl.ca.location") "probe") }}{{ $_ := set $section "rdkafka.ssl.ca.location" $bundle }}{{ end -}}
{{- range $option, $value := .output.rdkafka | default dict }}{{ $_ := set $section (printf "rdkafka.%s" $option) (kindIs "float64" $value | ternary (int $value) $value) }}{{ end -}}
{{- $section | toJson -}}
{{- end -}}

{{/* Statements of the IAM policy of an output with IAM, a JSON list. Argument: the output of Fluent Bit. */}}
{{- define "shared.kafkaStatements" -}}
{{- $topics := list -}}
{{- range .dynamic_topic | default false | ternary (list "*") (splitList "," .topics) -}}
{{- $topics = append $topics (printf "%s/%s" (replace ":cluster/" ":topic/" $.aws_msk_iam_cluster_arn) .) -}}
{{- end -}}
{{- $connect := list "kafka-cluster:Connect" -}}
{{- if get . "rdkafka.enable.idempotence" }}{{ $connect = append $connect "kafka-cluster:WriteDataIdempotently" }}{{ end -}}
{{- list
  (dict "Effect" "Allow" "Action" $connect "Resource" (list .aws_msk_iam_cluster_arn))
  (dict "Effect" "Allow" "Action" (list "kafka-cluster:DescribeTopic" "kafka-cluster:WriteData") "Resource" $topics)
  | toJson
-}}
{{- end -}}

{{/* Messages about the output: dict "root" "output" "place" "irsa", as of shared.checkOutputs. */}}
{{- define "shared.checkKafkaOutput" -}}
{{- $hosts := list }}
{{- range splitList "," .output.brokers }}{{ $hosts = append $hosts (regexReplaceAll ":[0-9]+$" . "" | trimAll "[]") }}{{ end }}
{{- include "shared.rejectDirect" (dict "root" .root "hosts" $hosts "problem" (printf "`%s` bypasses the proxy, since librdkafka does not support proxies" .place)) }}
{{- $login := dict "saslUsername" "agent" "saslPassword" (dict "name" "my-secret" "key" "password") }}
{{- include "shared.reject" (list (ne (empty .output.saslUsername) (empty .output.saslPassword))
  (printf "`%s` has one of saslUsername and saslPassword, and SASL needs both." .place) .place $login) }}
{{- if .output.awsMskIamClusterArn }}
{{- include "shared.reject" (list (not (empty .output.saslUsername))
  (printf "`%s` has a user (saslUsername) and authenticates by IAM (awsMskIamClusterArn); a connection uses one of them. Remove one of them, for example:" .place)
  .place (dict "saslUsername" nil "saslPassword" nil)) }}
{{- include "shared.reject" (list (not .output.tls.enabled) (printf "`%s` authenticates by IAM, for which Amazon MSK requires TLS." .place)
  (printf "%s.tls.enabled" .place) true) }}
{{- /* It requests credentials without a TLS context, so that the connection to port 443 is plain HTTP (flb_aws_msk_iam.c, 5.1.1). */ -}}
{{- include "shared.reject" (concat (list (not (empty .irsa)) (printf "`%s` authenticates by IAM, and Fluent Bit 5.1.1 would send the token of the service account (IRSA) to AWS STS without TLS, which fails and reveals it. Use EKS Pod Identity or the node's role." .place)) .irsa) }}
{{- end }}
{{- end -}}
