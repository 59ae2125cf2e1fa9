{{/* The proxy and the CA certificates of components that send data out of the cluster. */}}

{{/* URL of the endpoint that `aws` selects: dict "root" $ "service" <first part of its host>. */}}
{{- define "observability-stack.awsUrl" -}}
https://{{ include "observability-stack.awsHost" (dict "aws" .root.Values.aws "service" .service "region" .root.Values.cluster.region) }}
{{- end -}}

{{/*
Hosts of AWS to which an agent sends requests that ignores NO_PROXY, as a JSON list, the one for its data first; empty for other
components. These are the X-Ray daemon (pkg/conn/conn.go of 3.6.6) and the CloudWatch agent: exporters of 1.300070.0 use HTTPS_PROXY
(getProxyAddress in internal/aws/awsutil/conn.go of amazon-contributing/opentelemetry-collector-contrib).
dict "root" $ "component" <name>.
*/}}
{{- define "observability-stack.hostsWithoutNoProxy" -}}
{{- $values := .root.Values -}}
{{- $insights := eq .component "container-insights" -}}
{{- $services := ternary (list "logs" "ec2") (list "xray") $insights -}}
{{- if and $insights $values.containerInsights.applicationSignals.enabled }}{{ $services = append $services "xray" }}{{ end -}}
{{- if eq $values.identity.type "irsa" }}{{ $services = append $services "sts" }}{{ end -}}
{{- $hosts := list -}}
{{- range $services -}}
{{- $endpoint := eq . (first $services) | ternary (ternary $values.containerInsights $values.traces $insights).endpoint "" -}}
{{- $url := $endpoint | default (include "observability-stack.awsUrl" (dict "root" $.root "service" .)) -}}
{{- $hosts = append $hosts (regexReplaceAll "^https?://" $url "" | regexFind "^[^/:]+") -}}
{{- end -}}
{{- $ignores := or $insights (and (eq .component "traces") (eq $values.traces.engine "xray-daemon")) -}}
{{- ternary $hosts list $ignores | toJson -}}
{{- end -}}

{{/*
What a component needs to send data out of the cluster, a JSON map of `env` and `volumes`; the arguments are those of
observability-stack.podTemplate. Agents that ignore NO_PROXY have no proxy where their service bypasses it.
*/}}
{{- define "observability-stack.egress" -}}
{{- $values := .root.Values -}}
{{- $component := .owner | default .component -}}
{{- $given := dict "root" .root -}}
{{- $service := append (include "observability-stack.hostsWithoutNoProxy" (dict "root" .root "component" $component) | fromJsonArray) "" | first -}}
{{- $fluentBit := or (eq $component "events") (and (eq $component "logs") (eq $values.logs.engine "fluent-bit")) -}}
{{- if has $component (list "logs" "events") -}}
{{- $outputs := include "observability-stack.receivers" (dict "root" .root "component" $component) | fromJsonArray -}}
{{- $_ := set $given "hosts" (include "observability-stack.outputHosts" (dict "root" .root "outputs" $outputs "region" $values.cluster.region) | fromJsonArray) -}}
{{- if and $fluentBit (eq $component "logs") }}{{ $_ := set $given "direct" (list "$(NODE_IP)") }}{{ end -}}
{{- else if eq $component "container-insights" -}}
{{- $_ := set $given "direct" (list "$(HOST_IP)") -}}
{{- else if and (eq $component "server") (include "observability-stack.isVmagent" .root) -}}
{{- /* vmagent uses the proxy for scrapes, too. Targets are discovered by their addresses, remotes have names. */ -}}
{{- $_ := set $given "direct" (list "0.0.0.0/0" "::/0") -}}
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
{{- has $component (list "alertmanager" "blackbox-exporter" "container-insights" "events" "logs" "server" "traces") | ternary (dict "env" $env "volumes" $volumes) dict | toJson -}}
{{- end -}}

{{/* Directory of the CA certificates of `caBundle`. */}}
{{- define "observability-stack.caBundleDirectory" -}}
/etc/ca-bundle
{{- end -}}

{{/*
A block of HTTP client options of Prometheus or Alertmanager that uses the proxy of the environment, unless it sets a proxy
itself, also for its tokens (`oauth2`); as JSON. dict "root" $ "client" <map>.
*/}}
{{- define "observability-stack.proxiedClient" -}}
{{- $client := .client -}}
{{- if $client.oauth2 }}{{ $client = merge (dict "oauth2" (include "observability-stack.proxiedClient" (dict "root" .root "client" $client.oauth2) | fromJson)) $client }}{{ end -}}
{{- $own := or (hasKey $client "proxy_url") (hasKey $client "no_proxy") (hasKey $client "proxy_from_environment") -}}
{{- $proxy := .root.Values.proxy -}}
{{- if and (or $proxy.httpProxy $proxy.httpsProxy) (not $own) }}{{ $client = merge (dict "proxy_from_environment" true) $client }}{{ end -}}
{{- $client | toJson -}}
{{- end -}}

{{- define "observability-stack.checkProxy" -}}
{{- include "observability-stack.checkEgress" . -}}
{{- range $component, $agent := dict "container-insights" "The CloudWatch agent" "traces" "The X-Ray daemon" }}
{{- $hosts := include "observability-stack.hostsWithoutNoProxy" (dict "root" $ "component" $component) | fromJsonArray }}
{{- $service := append $hosts "" | first }}
{{- $direct := and (include "observability-stack.runs" (dict "root" $ "component" $component)) (include "observability-stack.bypassesProxy" (dict "root" $ "host" $service)) }}
{{- include "observability-stack.rejectDirect" (dict "root" $ "hosts" (ternary $hosts list (not (empty $direct)))
  "problem" (printf "%s ignores NO_PROXY, so it has no proxy while `proxy.noProxy` contains %s" $agent $service)) }}
{{- end }}
{{- $mail := list }}
{{- if and .Values.alertmanager.enabled (not .Values.alertmanager.existingSecret) }}
{{- range .Values.alertmanager.config.receivers }}{{ range .email_configs }}
{{- $mail = append $mail (.smarthost | default (dig "global" "smtp_smarthost" "" $.Values.alertmanager.config) | toString | splitList ":" | first) }}
{{- end }}{{ end }}
{{- end }}
{{- include "observability-stack.rejectDirect" (dict "root" $ "hosts" $mail
  "problem" "`alertmanager.config` sends email, for which Alertmanager does not support proxies") }}
{{- $router := list }}
{{- range $output := include "observability-stack.receivers" (dict "root" . "component" "fargate") | fromJsonArray }}
{{- range include "observability-stack.outputHosts" (dict "root" $ "outputs" (list $output) "region" $.Values.cluster.region) | fromJsonArray }}
{{- /* Its credentials are those of the pod execution role. */ -}}
{{- if or $output.roleArn (not (hasPrefix "sts" .)) }}{{ $router = append $router . }}{{ end }}
{{- end }}
{{- end }}
{{- if and .Values.fargate.logging.enabled .Values.fargate.logging.flbLogCw }}{{ $router = append $router (include "observability-stack.awsHost" (dict "aws" .Values.aws "service" "logs" "region" .Values.cluster.region)) }}{{ end }}
{{- include "observability-stack.rejectDirect" (dict "root" $ "hosts" $router
  "problem" "`fargate.logging.enabled` is true, and Fargate's log router does not support proxies" "instead" (list "fargate.logging.enabled" false)) }}
{{- range list "logs" "events" -}}
{{- $block := get $.Values . -}}
{{- if and $block.enabled (ne "fluentd" (get $block "engine" | default "")) }}{{ include "observability-stack.checkProxyVariables" (dict "path" (printf "%s.extraEnv" .) "env" $block.extraEnv) }}{{ end -}}
{{- end -}}
{{- end -}}
