{{/* The proxy and the CA certificates of components that send data out of the cluster. */}}

{{/* URL of the endpoint that `aws` selects: dict "root" $ "service" <first part of its host>. */}}
{{- define "observability-stack.awsUrl" -}}
https://{{ include "observability-stack.awsHost" (dict "aws" .root.Values.aws "service" .service "region" .root.Values.cluster.region) }}
{{- end -}}

{{/* Host of X-Ray, CloudWatch Logs or their VPC endpoints: dict "root" $ "service" <name> "endpoint" <URL, may be empty>. */}}
{{- define "observability-stack.serviceHost" -}}
{{- regexReplaceAll "^https?://" (.endpoint | default (include "observability-stack.awsUrl" .)) "" | regexFind "^[^/:]+" -}}
{{- end -}}

{{/*
What a component needs to send data out of the cluster, a JSON map of `env` and `volumes`; the arguments are those of
observability-stack.podTemplate. The X-Ray daemon (pkg/conn/conn.go) and the CloudWatch agent (awsutil/conn.go) ignore NO_PROXY for
their requests to AWS, so they have no proxy where their service bypasses it.
*/}}
{{- define "observability-stack.egress" -}}
{{- $values := .root.Values -}}
{{- $component := .owner | default .component -}}
{{- $given := dict "root" .root -}}
{{- $service := "" -}}
{{- $fluentBit := or (eq $component "events") (and (eq $component "logs") (eq $values.logs.engine "fluent-bit")) -}}
{{- if has $component (list "logs" "events") -}}
{{- $outputs := include "observability-stack.receivers" (dict "root" .root "component" $component) | fromJsonArray -}}
{{- $_ := set $given "hosts" (include "observability-stack.outputHosts" (dict "root" .root "outputs" $outputs "region" $values.cluster.region) | fromJsonArray) -}}
{{- if and $fluentBit (eq $component "logs") }}{{ $_ := set $given "direct" (list "$(NODE_IP)") }}{{ end -}}
{{- else if eq $component "container-insights" -}}
{{- $_ := set $given "direct" (list "$(HOST_IP)") -}}
{{- $service = include "observability-stack.serviceHost" (dict "root" .root "service" "logs" "endpoint" $values.containerInsights.endpoint) -}}
{{- else if and (eq $component "traces") (eq $values.traces.engine "xray-daemon") -}}
{{- $service = include "observability-stack.serviceHost" (dict "root" .root "service" "xray" "endpoint" $values.traces.endpoint) -}}
{{- end -}}
{{- $env := list -}}
{{- if not (include "observability-stack.bypassesProxy" (dict "root" .root "host" $service)) }}{{ $env = include "observability-stack.proxyEnv" (merge (dict "fluentBit" $fluentBit "fluentd" (and (eq $component "logs") (not $fluentBit))) $given) | fromJsonArray }}{{ end -}}
{{- $separator := eq "windows" (.os | default "linux") | ternary "\\" "/" -}}
{{- $directory := ternary "C:\\ca-bundle" (include "observability-stack.caBundleDirectory" .) (eq $separator "\\") -}}
{{- /* Go and OpenSSL read the first, SDKs of AWS the second; Fluent Bit reads none of them. */ -}}
{{- $trusted := dict "root" .root "names" (list "SSL_CERT_FILE" "AWS_CA_BUNDLE") "file" (list $directory "ca.crt" | join $separator) -}}
{{- if not $fluentBit }}{{ $env = include "observability-stack.trustEnv" $trusted | fromJsonArray | concat $env }}{{ end -}}
{{- $bundle := dict "outputs" (include "observability-stack.caBundle" .root | fromJsonArray) "prefix" "ca" "directory" $directory "separator" $separator -}}
{{- $mounts := include "observability-stack.outputMounts" $bundle | fromYamlArray -}}
{{- $volumes := list -}}
{{- range include "observability-stack.outputVolumes" $bundle | fromYamlArray }}{{ $volumes = append $volumes (set . "mounts" $mounts) }}{{ end -}}
{{- has $component (list "alertmanager" "container-insights" "events" "logs" "server" "traces") | ternary (dict "env" $env "volumes" $volumes) dict | toJson -}}
{{- end -}}

{{/* Directory of the CA certificates of `caBundle`. */}}
{{- define "observability-stack.caBundleDirectory" -}}
/etc/ca-bundle
{{- end -}}

{{/*
A block of HTTP client options of Prometheus or Alertmanager that uses the proxy of the environment, unless it sets a proxy
itself; as JSON. dict "root" $ "client" <map>.
*/}}
{{- define "observability-stack.proxiedClient" -}}
{{- $client := .client -}}
{{- $own := or (hasKey $client "proxy_url") (hasKey $client "no_proxy") (hasKey $client "proxy_from_environment") -}}
{{- $proxy := .root.Values.proxy -}}
{{- if and (or $proxy.httpProxy $proxy.httpsProxy) (not $own) }}{{ $client = merge (dict "proxy_from_environment" true) $client }}{{ end -}}
{{- $client | toJson -}}
{{- end -}}

{{- define "observability-stack.checkProxy" -}}
{{- include "observability-stack.checkEgress" . -}}
{{- range list "logs" "events" -}}
{{- $block := get $.Values . -}}
{{- if and $block.enabled (ne "fluentd" (get $block "engine" | default "")) }}{{ include "observability-stack.checkProxyVariables" (dict "path" (printf "%s.extraEnv" .) "env" $block.extraEnv) }}{{ end -}}
{{- end -}}
{{- end -}}
