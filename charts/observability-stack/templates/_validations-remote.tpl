{{/* Remotes that cannot work. */}}

{{- define "observability-stack.checkRemotes" -}}
{{- range $index, $remote := .Values.server.remoteWrite }}
{{- $where := printf "server.remoteWrite[%d]" $index }}
{{- $url := tpl .url $ }}
{{- $workspace := include "observability-stack.ampWorkspace" $url | fromJson }}
{{- $path := regexReplaceAll "^https?://[^/?#]*" $url "" | regexFind "^[^?#]*" }}
{{- $host := regexFind "//[^/?#]+" $url | trimPrefix "//" | lower }}
{{- if and (hasPrefix "aps-workspaces" $host) (not $workspace.region) }}
{{- $parts := splitList "." $host }}
{{- $region := index (append $parts $.Values.cluster.region) 1 }}
{{ $where }}.url has the host {{ $host }}, which is not an endpoint of Amazon Managed Service for Prometheus. Write:
server:
  remoteWrite:
    - url: https://{{ first $parts }}.{{ $region }}.{{ ternary "amazonaws.com.cn" "amazonaws.com" (hasPrefix "cn-" $region) }}{{ regexReplaceAll "^https?://[^/?#]+" $url "" }}{{ "\f" }}
{{- else if $workspace.region }}
{{- if not (regexMatch "^/workspaces/ws-[A-Za-z0-9-]+/api/v1/remote_write$" $path) }}
{{ $where }}.url ends in {{ $path | quote }}, which is no remote-write endpoint of a workspace. Write:
server:
  remoteWrite:
    - url: https://aps-workspaces.{{ $workspace.region }}.amazonaws.com/workspaces/{{ $workspace.id | default "ws-..." }}/api/v1/remote_write{{ "\f" }}
{{- end }}
{{- if hasPrefix "http:" $url }}
{{ $where }}.url is http, and a workspace answers to https only. Write:
server:
  remoteWrite:
    - url: {{ $url | replace "http:" "https:" }}{{ "\f" }}
{{- end }}
{{- if not (kindIs "map" .sigv4) }}
{{ $where }} is a workspace of Amazon Managed Service for Prometheus, which takes signed requests only, and sigv4 is missing. Write:
server:
  remoteWrite:
    - url: {{ $url }}
      sigv4:
        region: {{ $workspace.region }}{{ "\f" }}
{{- else if and .sigv4.region (ne .sigv4.region $workspace.region) }}
{{ $where }}.sigv4.region is {{ .sigv4.region }}, and the workspace of its url is in {{ $workspace.region }}, which refuses signatures for another region. Write:
server:
  remoteWrite:
    - url: {{ $url }}
      sigv4:
        region: {{ $workspace.region }}{{ "\f" }}
{{- end }}
{{- else if or (not $path) (hasSuffix "/" $path) (regexMatch "/(api|v1|graph|query|query_range|series|labels|read|remote_read|metrics)$|/workspaces/[^/]+$" $path) }}
{{ $where }}.url ends in {{ $path | quote }}, which is no remote-write endpoint. Backends have it for example at /api/v1/write (Prometheus, VictoriaMetrics), /api/v1/push (Mimir), /api/v1/receive (Thanos) or /workspaces/ws-.../api/v1/remote_write (AMP). Write:
server:
  remoteWrite:
    - url: {{ regexFind "^https?://[^/?#]+" $url }}/api/v1/write{{ "\f" }}
{{- end }}
{{- $ways := list }}
{{- range list "sigv4" "basic_auth" "authorization" "oauth2" "azuread" "google_iam" "bearer_token_file" }}{{ if hasKey $remote . }}{{ $ways = append $ways . }}{{ end }}{{ end }}
{{- if gt (len $ways) 1 }}
{{ $where }} has {{ join " and " $ways }}, and Prometheus takes one way to authenticate only. Leave out {{ rest $ways | join ", " }}.{{ "\f" }}
{{- end }}
{{- if and .sigv4 (or .headers .http_headers) }}
{{- range $name, $_ := .headers | default dict }}
{{- if has (lower $name) (list "authorization" "host" "x-amz-date" "x-amz-content-sha256" "x-amz-security-token") }}
{{ $where }}.headers has {{ $name }}, which the signature sets. Leave it out.{{ "\f" }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}

{{/* What is secret must not stand in a ConfigMap, which more people can read. */}}
{{- define "observability-stack.checkSecrets" -}}
{{- range $index, $remote := .Values.server.remoteWrite }}
{{- range $path, $instead := dict
  "sigv4.secret_key" "leave out sigv4.access_key and sigv4.secret_key: the service account has a role"
  "basic_auth.password" "password_file: /etc/remote/password"
  "authorization.credentials" "credentials_file: /etc/remote/token"
  "oauth2.client_secret" "client_secret_file: /etc/remote/secret"
  "oauth2.client_certificate_key" "client_certificate_key_file: /etc/remote/key.pem"
  "tls_config.key" "key_file: /etc/remote/key.pem"
  "bearer_token" "bearer_token_file: /etc/remote/token" }}
{{- $value := $remote }}
{{- range splitList "." $path }}{{ $value = ternary (get (ternary $value dict (kindIs "map" $value)) .) "" (kindIs "map" $value) }}{{ end }}
{{- if $value }}
server.remoteWrite[{{ $index }}].{{ $path }} is a secret, and would stand in a ConfigMap. Mount a Secret and name its file:
{{- if hasPrefix "leave" $instead }} or, better, {{ $instead }}.{{ "\f" }}
{{- else }}
server:
  remoteWrite:
    - {{ if contains "." $path }}{{ splitList "." $path | first }}:
        {{ end }}{{ $instead }}
  extraVolumes:
    - name: remote
      secret:
        secretName: ...
  extraVolumeMounts:
    - name: remote
      mountPath: /etc/remote
      readOnly: true{{ "\f" }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}
