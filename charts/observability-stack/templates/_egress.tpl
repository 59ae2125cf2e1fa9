{{/* The proxy of components that send data out of the cluster. */}}

{{/* Host of X-Ray, CloudWatch Logs or their VPC endpoints: dict "root" $ "service" <name> "endpoint" <URL, may be empty>. */}}
{{- define "observability-stack.serviceHost" -}}
{{- $host := regexReplaceAll "^https?://" .endpoint "" | regexFind "^[^/:]+" -}}
{{- $host | default (include "observability-stack.awsHost" (dict "aws" .root.Values.aws "service" .service "region" .root.Values.cluster.region)) -}}
{{- end -}}

{{/*
Environment of a component behind the proxy, a JSON list; the arguments are those of observability-stack.podTemplate. X-Ray's
daemon, ADOT and the CloudWatch agent ignore NO_PROXY for their requests to AWS (awsutil/conn.go), so they have no proxy
where their service bypasses it.
*/}}
{{- define "observability-stack.egressEnv" -}}
{{- $values := .root.Values -}}
{{- $component := .owner | default .component -}}
{{- $given := dict "root" .root -}}
{{- $service := "" -}}
{{- if has $component (list "logs" "events") -}}
{{- $outputs := include "observability-stack.receivers" (dict "root" .root "component" $component) | fromJsonArray -}}
{{- $_ := set $given "hosts" (include "observability-stack.outputHosts" (dict "root" .root "outputs" $outputs "region" $values.cluster.region) | fromJsonArray) -}}
{{- $_ := set $given "fluentBit" (or (eq $component "events") (eq $values.logs.engine "fluent-bit")) -}}
{{- if eq $component "logs" }}{{ $_ := set $given "direct" (ternary (list "$(NODE_IP)") list $given.fluentBit) }}{{ end -}}
{{- else if eq $component "container-insights" -}}
{{- $_ := set $given "direct" (list "$(HOST_IP)") -}}
{{- $service = include "observability-stack.serviceHost" (dict "root" .root "service" "logs" "endpoint" $values.containerInsights.endpoint) -}}
{{- else if eq $component "traces" -}}
{{- $service = include "observability-stack.serviceHost" (dict "root" .root "service" "xray" "endpoint" $values.traces.endpoint) -}}
{{- end -}}
{{- $sends := has $component (list "alertmanager" "container-insights" "events" "logs" "server" "traces") -}}
{{- $direct := include "observability-stack.bypassesProxy" (dict "root" .root "host" $service) -}}
{{- and $sends (not $direct) | ternary (include "observability-stack.proxyEnv" $given) "[]" -}}
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
{{- include "observability-stack.checkProxySettings" (dict "root" .) -}}
{{- range list "logs" "events" -}}
{{- $block := get $.Values . -}}
{{- if and $block.enabled (ne "fluentd" (get $block "engine" | default "")) }}{{ include "observability-stack.checkProxyVariables" (dict "path" (printf "%s.extraEnv" .) "env" $block.extraEnv) }}{{ end -}}
{{- end -}}
{{- end -}}
