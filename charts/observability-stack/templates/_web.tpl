{{/*
The address of the web server of a component, followed by probes, scrapes, alerts and notes. Arguments: dict "root" $ "component"
server, alertmanager or pushgateway.
*/}}

{{/* As JSON: the prefix of all routes, the scheme, options of clients, and whether a probe, which has no credentials, may enter. */}}
{{- define "observability-stack.web" -}}
{{- $web := (get .root.Values .component).web -}}
{{- $tls := $web.config.tls_server_config | default dict -}}
{{- $prefix := $web.routePrefix | default (regexReplaceAll "^https?://[^/]*" $web.externalUrl "") | trimSuffix "/" -}}
{{- $closed := or $web.config.basic_auth_users (contains "Require" ($tls.client_auth_type | default "")) -}}
{{- dict "prefix" $prefix "scheme" (ternary "https" "http" (gt (len $tls) 0)) "client" $web.client "open" (empty $closed) | toJson -}}
{{- end -}}

{{- define "observability-stack.webArgs" -}}
{{- $web := (get .root.Values .component).web -}}
{{- with $web.externalUrl }}
- {{ printf "--web.external-url=%s" . | quote }}
{{- end }}
{{- with $web.routePrefix }}
- {{ printf "--web.route-prefix=%s" . | quote }}
{{- end }}
{{- if $web.config }}
- --web.config.file=/etc/web/web.yml
{{- end }}
{{- end -}}

{{/* A volume with the file of TLS and login, a YAML list. */}}
{{- define "observability-stack.webVolume" -}}
{{- if (get .root.Values .component).web.config -}}
- name: web
  mounts: [{mountPath: /etc/web, readOnly: true}]
  secret: {secretName: {{ printf "%s-web" (include "observability-stack.componentName" .) | quote }}}
{{- end -}}
{{- end -}}

{{/* The handler of a probe, as JSON; also "path". */}}
{{- define "observability-stack.webHandler" -}}
{{- $web := include "observability-stack.web" . | fromJson -}}
{{- $get := dict "path" (printf "%s%s" $web.prefix .path) "port" "http" -}}
{{- if eq $web.scheme "https" }}{{ $_ := set $get "scheme" "HTTPS" }}{{ end -}}
{{- ternary (dict "httpGet" $get) (dict "tcpSocket" (dict "port" "http")) $web.open | toJson -}}
{{- end -}}

{{/* Options of a client, as JSON; also "prefix" <option of the prefix> and "path" <its end>. */}}
{{- define "observability-stack.webClient" -}}
{{- $web := include "observability-stack.web" . | fromJson -}}
{{- $client := deepCopy $web.client -}}
{{- if $web.prefix }}{{ $_ := set $client .prefix (printf "%s%s" $web.prefix .path) }}{{ end -}}
{{- if eq $web.scheme "https" }}{{ $_ := set $client "scheme" "https" }}{{ end -}}
{{- $client | toJson -}}
{{- end -}}

{{/* The Secret with the file of TLS and login. */}}
{{- define "observability-stack.webSecret" -}}
{{- $config := (get .root.Values .component).web.config -}}
{{- if and $config (include "observability-stack.runs" .) -}}
apiVersion: v1
kind: Secret
metadata:
  {{- include "observability-stack.componentMetadata" (merge (dict "name" (printf "%s-web" (include "observability-stack.componentName" .))) .) | nindent 2 }}
stringData:
  {{- dict "web.yml" (toYaml $config) | toYaml | nindent 2 }}
{{- end -}}
{{- end -}}

{{/* Flags that nothing else would follow, and clients that could not connect. */}}
{{- define "observability-stack.checkWeb" -}}
{{- $values := dict "web.external-url" "web.externalUrl" "web.route-prefix" "web.routePrefix" "web.config.file" "web.config" "web.listen-address" "service.port" -}}
{{- $others := dict "nodeExporter" "web\\.(config\\.file|listen-address|telemetry-path)" "windowsExporter" "web\\.(config\\.file|listen-address)|telemetry\\.path" "kubeStateMetrics" "port|host|telemetry-(port|host)|tls-config|auth-filter" -}}
{{- range $name, $flags := merge $others (dict "server" "web\\.(external-url|route-prefix|config\\.file|listen-address)" "alertmanager" "web\\.(external-url|route-prefix|config\\.file|listen-address)" "pushgateway" "web\\.(external-url|route-prefix|config\\.file|listen-address|telemetry-path)") -}}
{{- $block := get $.Values $name -}}
{{- range $block.extraArgs -}}
{{- $flag := regexFind (printf "^--(%s)(=|$)" $flags) . | trimPrefix "--" | trimSuffix "=" -}}
{{- with $flag -}}
{{- $key := ternary (get $values .) "" (hasKey $block "web") -}}
{{- include "observability-stack.reject" (list true
  (printf "`%s.extraArgs` has --%s, which probes and scrapes would not follow. %s" $name . (ternary (printf "Use `%s.%s`." $name $key) "Remove it." (ne "" $key)))) }}
{{- end -}}
{{- end -}}
{{- with $block.web -}}
{{- include "observability-stack.reject" (list (and .config.tls_server_config (not .client.tls_config))
  (printf "`%s.web.config` enables TLS, but Prometheus, which connects by the address of the pod, cannot verify the certificate without `client.tls_config`." $name)
  (printf "%s.web.client" $name) (dict "tls_config" (dict "ca_file" "/etc/tls/ca.crt" "server_name" "prometheus.example.com"))) }}
{{- include "observability-stack.reject" (list (and .config.basic_auth_users (not .client.basic_auth))
  (printf "`%s.web.config` requires a login, but Prometheus has none for its requests." $name)
  (printf "%s.web.client" $name) (dict "basic_auth" (dict "username" "prometheus" "password_file" "/etc/login/password"))) }}
{{- end -}}
{{- end -}}
{{- end -}}
