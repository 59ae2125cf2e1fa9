{{/* The proxy (`proxy`) and the CA certificates (`caBundle`) of programs that send data out of the cluster. */}}

{{/*
Whether requests to a host bypass the proxy: it is in `proxy.noProxy`, or in one of its domains, or it is a Service of the
cluster. dict "root" $ "host" <name>.
*/}}
{{- define "shared.bypassesProxy" -}}
{{- $host := lower .host -}}
{{- $bypasses := not (regexMatch "[.:]" $host) -}}
{{- range concat (list ".svc" ".cluster.local") .root.Values.proxy.noProxy -}}
{{- $entry := lower . -}}
{{- if or (eq $entry $host) (hasSuffix (trimPrefix "*" $entry | trimPrefix "." | printf ".%s") $host) }}{{ $bypasses = true }}{{ end -}}
{{- end -}}
{{- if and $host $bypasses }}true{{ end -}}
{{- end -}}

{{/*
Hosts to which Fluent Bit sends records and requests for credentials, as a JSON list, as far as the values name them: dict
"root" $ "outputs" <of shared.outputs> "region" <of the cluster, if known>.
*/}}
{{- define "shared.outputHosts" -}}
{{- $hosts := list -}}
{{- $types := include "shared.outputTypes" .root | fromJson -}}
{{- range $output := .outputs -}}
{{- range list "host" "endpoint" "stsEndpoint" }}{{ $hosts = append $hosts (get $output .) }}{{ end -}}
{{- $hosts = append $hosts (get $output "options" | default dict | dig "host" "" | toString | regexFind "^[A-Za-z0-9._:-]+$") -}}
{{- $hosts = append $hosts (get $output "baseUri" | trimPrefix "https://" | regexFind "^[^/:]+") -}}
{{- $region := get . "region" | default "" | replace "{region}" ($.region | default "") -}}
{{- $service := (get $types .type).service | default "" -}}
{{- if and $region .signs -}}
{{- range compact (list (ternary $service "" (empty $output.endpoint)) (ternary "sts" "" (empty $output.stsEndpoint))) }}{{ $hosts = append $hosts (include "shared.awsHost" (dict "aws" $.root.Values.aws "service" . "region" $region)) }}{{ end -}}
{{- end -}}
{{- end -}}
{{- $hosts | compact | uniq | toJson -}}
{{- end -}}

{{/*
Environment of a program behind the proxy, a JSON list; empty without a proxy. NO_PROXY is the same for all programs: Go also
accepts domains and networks. Fluent Bit reads only HTTP_PROXY, for both schemes, and compares whole names and addresses
(flb_upstream_needs_proxy of 5.1.1), so the given hosts are listed if a domain in `proxy.noProxy` contains them.
dict "root" $ and, where they apply, "fluentBit" or "fluentd" true, "hosts" <hosts that the program sends to> "direct" <others
that it reaches without the proxy>.
*/}}
{{- define "shared.proxyEnv" -}}
{{- $proxy := .root.Values.proxy -}}
{{- $secure := $proxy.httpsProxy | default $proxy.httpProxy -}}
{{- $urls := default false .fluentBit | ternary (dict "HTTP_PROXY" $secure) (dict "HTTP_PROXY" $proxy.httpProxy "HTTPS_PROXY" $secure) -}}
{{- $env := list -}}
{{- range $name, $url := ternary $urls dict (not (empty $secure)) -}}
{{- if kindIs "map" $url -}}
{{- $env = append $env (dict "name" $name "valueFrom" (dict "secretKeyRef" (pick $url "name" "key"))) -}}
{{- else if $url -}}
{{- $env = append $env (dict "name" $name "value" $url) -}}
{{- end -}}
{{- end -}}
{{- /* EKS Pod Identity and instance metadata: without the latter, Fluent Bit exits. The API server by all of its names. */ -}}
{{- $names := list "localhost" "127.0.0.1" "169.254.169.254" "169.254.170.23" "fd00:ec2::254" "fd00:ec2::23"
  "$(KUBERNETES_SERVICE_HOST)" "kubernetes.default.svc" "kubernetes.default.svc.cluster.local" ".svc" ".cluster.local" -}}
{{- $names = concat $names (.direct | default list) $proxy.noProxy -}}
{{- range .hosts }}{{ if include "shared.bypassesProxy" (dict "root" $.root "host" .) }}{{ $names = append $names . }}{{ end }}{{ end -}}
{{- if .fluentd -}}
{{- /*
Without brackets, fluentd's plugins split an IPv6 address, and all hosts that end in its last group bypass the proxy (proxy_from_env
in lib/excon/connection.rb of excon 1.6). fluentd sends no requests to the API server, whose address may be such.
*/ -}}
{{- $names = regexReplaceAll "(^|,)([^,\\[]*:[^,]*:[^,]*)" (without $names "$(KUBERNETES_SERVICE_HOST)" | join ",") "${1}[${2}]" | splitList "," -}}
{{- end -}}
{{- if $env }}{{ $env = append $env (dict "name" "NO_PROXY" "value" ($names | uniq | join ",")) }}{{ end -}}
{{- $env | toJson -}}
{{- end -}}

{{/*
A message about a program that connects to hosts directly, since it supports no proxy: dict "root" $ "hosts" <list> "problem" <text>
and, as an alternative to listing them, "instead" <path and value>.
*/}}
{{- define "shared.rejectDirect" -}}
{{- $proxy := .root.Values.proxy -}}
{{- $proxied := list -}}
{{- range compact .hosts }}{{ if not (include "shared.bypassesProxy" (dict "root" $.root "host" .)) }}{{ $proxied = append $proxied . }}{{ end }}{{ end -}}
{{- include "shared.reject" (concat
  (list (not (or (empty $proxied) (and (empty $proxy.httpProxy) (empty $proxy.httpsProxy))))
  (printf "%s. If your network permits direct connections to %s, list these hosts." .problem (uniq $proxied | join ", "))
  "proxy.noProxy" (concat $proxy.noProxy $proxied | uniq)) (.instead | default list)) }}
{{- end -}}

{{/* Messages about URLs with credentials and two bundles. Argument: the root. */}}
{{- define "shared.checkEgress" -}}
{{- $bundle := .Values.caBundle }}
{{- include "shared.reject" (list (and $bundle.secret $bundle.configMap)
  "`caBundle` has a Secret and a ConfigMap, and one file is used. Keep one of them:" "caBundle.configMap" $bundle.configMap) }}
{{- range $name := list "httpProxy" "httpsProxy" }}
{{- $url := get $.Values.proxy $name }}
{{- include "shared.reject" (list (and (kindIs "string" $url) (contains "@" $url))
  (printf "`proxy.%s` contains credentials, which everyone who can read pods would see. Create a Secret that contains the URL, and name its key." $name)
  (printf "proxy.%s" $name) (dict "name" "proxy" "key" "url")) }}
{{- end }}
{{- end -}}

{{/* A message about a proxy in the variables that users add to a Fluent Bit that requests AWS credentials: dict "path" "env". */}}
{{- define "shared.checkProxyVariables" -}}
{{- $given := dict -}}
{{- range .env }}{{ $_ := set $given .name (.value | default "from elsewhere") }}{{ end -}}
{{- $url := get $given "HTTP_PROXY" | toString }}
{{- $direct := get $given "NO_PROXY" | toString | splitList "," }}
{{- include "shared.reject" (list (and $url (not (has "169.254.169.254" $direct)) (not (has "from elsewhere" $direct)))
  (printf "`%s` sets HTTP_PROXY without 169.254.169.254 in NO_PROXY. Fluent Bit exits if it would use a proxy to reach the instance metadata service. Remove these variables." .path)
  "proxy.httpProxy" (contains "://" $url | ternary $url "http://proxy.example.com:3128")) }}
{{- end -}}

{{/*
`caBundle` as outputs for shared.outputVolumes and shared.outputMounts, a JSON list; empty without one. It has no name, so that
its volume has the prefix as its name. Argument: the root.
*/}}
{{- define "shared.caBundle" -}}
{{- $bundle := .Values.caBundle -}}
{{- $outputs := list (dict "name" "" "tls" (dict "caSecret" $bundle.secret "caConfigMap" $bundle.configMap)) -}}
{{- or $bundle.secret $bundle.configMap | empty | ternary list $outputs | toJson -}}
{{- end -}}

{{/*
Options that let outputs of Fluent Bit trust the bundle, as JSON: dict "root" $ "file" <its path>. A proxy has an option of its own,
which Fluent Bit uses for https:// proxies.
*/}}
{{- define "shared.trust" -}}
{{- $options := dict -}}
{{- if include "shared.caBundle" .root | fromJsonArray -}}
{{- $options = dict "tls.ca_file" .file -}}
{{- if or .root.Values.proxy.httpProxy .root.Values.proxy.httpsProxy }}{{ $_ := set $options "tls.proxy.ca_file" .file }}{{ end -}}
{{- end -}}
{{- $options | toJson -}}
{{- end -}}

{{/* Variables that let a program trust the bundle, a JSON list: dict "root" $ "file" <its path> "names" <list>. */}}
{{- define "shared.trustEnv" -}}
{{- $env := list -}}
{{- range (include "shared.caBundle" .root | fromJsonArray | empty) | ternary list .names }}{{ $env = append $env (dict "name" . "value" $.file) }}{{ end -}}
{{- $env | toJson -}}
{{- end -}}
