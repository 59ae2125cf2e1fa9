{{/* Checks of `server.remoteWrite`. */}}

{{/*
The region of the cluster. A cluster can write to workspaces in other regions, but if `cluster.region` has its default, it was
probably forgotten. The issuer proves that it was not.
*/}}
{{- define "observability-stack.checkRegion" -}}
{{- $cluster := .Values.cluster -}}
{{- include "observability-stack.checkIssuerRegion" $cluster -}}
{{- $regions := list -}}
{{- range .Values.server.remoteWrite }}{{ $regions = append $regions (include "observability-stack.ampWorkspace" (tpl .url $) | fromJson).region }}{{ end -}}
{{- $regions = compact $regions -}}
{{- $forgotten := and $regions (eq $cluster.region "us-east-1") (not (has $cluster.region $regions)) (not (include "observability-stack.issuerRegion" $cluster.oidcIssuer)) -}}
{{- include "observability-stack.reject" (list $forgotten
  (printf "`cluster.region` is us-east-1, the default, but `server.remoteWrite` writes to %s. Traces, logs and IAM policies use the region of the cluster. Set it, or confirm us-east-1 with the cluster's issuer." ($regions | uniq | join " and "))
  "cluster.region" (first (append $regions "")) "cluster.oidcIssuer" "https://oidc.eks.us-east-1.amazonaws.com/id/...") }}
{{- end -}}

{{- define "observability-stack.checkRemotes" -}}
{{- range $index, $remote := .Values.server.remoteWrite }}
{{- $where := printf "server.remoteWrite[%d]" $index }}
{{- /* Messages contain no credentials. */}}
{{- $url := regexReplaceAll "//[^/?#@]*@" (tpl .url $) "//" }}
{{- $workspace := include "observability-stack.ampWorkspace" $url | fromJson }}
{{- $origin := regexFind "^https?://[^/?#]+" $url }}
{{- $path := regexReplaceAll "^https?://[^/?#]*" $url "" | regexFind "^[^?#]*" }}
{{- $host := regexFind "//[^/?#]+" $url | trimPrefix "//" | lower }}
{{- if and (hasPrefix "aps-workspaces" $host) (not $workspace.region) }}
{{- $parts := splitList "." $host }}
{{- $region := index (append $parts $.Values.cluster.region) 1 }}
{{- $domain := include "observability-stack.dnsSuffix" $region }}
{{- include "observability-stack.reject" (list true
  (printf "`%s.url` has the host %s, which is not an endpoint of Amazon Managed Service for Prometheus." $where $host)
  "server.remoteWrite" (list (dict "url" (printf "https://%s.%s.%s%s" (first $parts) $region $domain (trimPrefix $origin $url))))) }}
{{- else if $workspace.region }}
{{- $endpoint := printf "https://aps-workspaces.%s.%s/workspaces/%s/api/v1/remote_write" $workspace.region (include "observability-stack.dnsSuffix" $workspace.region) ($workspace.id | default "ws-...") }}
{{- include "observability-stack.reject" (list (not (regexMatch "^/workspaces/ws-[A-Za-z0-9-]+/api/v1/remote_write$" $path))
  (printf "`%s.url` has the path %q, which is not the remote-write endpoint of a workspace." $where $path)
  "server.remoteWrite" (list (dict "url" $endpoint))) }}
{{- include "observability-stack.reject" (list (hasPrefix "http:" $url)
  (printf "`%s.url` uses http, but Amazon Managed Service for Prometheus requires https." $where)
  "server.remoteWrite" (list (dict "url" ($url | replace "http:" "https:")))) }}
{{- $conforming := printf "aps-workspaces-fips.%s.%s" $workspace.region (include "observability-stack.dnsSuffix" $workspace.region) }}
{{- include "observability-stack.reject" (list (and $.Values.aws.useFipsEndpoints (not (contains "aps-workspaces-fips." $host)))
  (printf "`%s.url` has the host %s, but `aws.useFipsEndpoints` is on." $where $host)
  "server.remoteWrite" (list (dict "url" (printf "https://%s%s" $conforming $path)))) }}
{{- $signed := list (dict "url" $url "sigv4" (dict "region" $workspace.region)) }}
{{- $given := (.sigv4 | default dict).region | default $workspace.region }}
{{- include "observability-stack.reject" (list (not (kindIs "map" .sigv4))
  (printf "`%s` is a workspace of Amazon Managed Service for Prometheus, which requires signed requests, but `sigv4` is missing." $where)
  "server.remoteWrite" $signed) }}
{{- include "observability-stack.reject" (list (ne $given $workspace.region)
  (printf "`%s.sigv4.region` is %s, but the workspace is in %s, where signatures for another region are rejected." $where $given $workspace.region)
  "server.remoteWrite" $signed) }}
{{- $unsupported := list }}
{{- range list "send_exemplars" "send_native_histograms" }}{{ if get $remote . }}{{ $unsupported = append $unsupported . }}{{ end }}{{ end }}
{{- if contains "v2" ($remote.protobuf_message | default "" | toString) }}{{ $unsupported = append $unsupported "protobuf_message" }}{{ end }}
{{- include "observability-stack.reject" (list (not (empty $unsupported))
  (printf "`%s` has %s, but Amazon Managed Service for Prometheus accepts neither exemplars, native histograms nor remote write 2.0, and would reject whole requests. Remove it." $where (join " and " $unsupported))) }}
{{- else }}
{{- include "observability-stack.reject" (list (or (not $path) (hasSuffix "/" $path) (regexMatch "/(api|v1|graph|query|query_range|series|labels|read|remote_read|metrics)$|/workspaces/[^/]+$" $path))
  (printf "`%s.url` has the path %q, which is not a remote-write endpoint. Common paths are /api/v1/write (Prometheus, VictoriaMetrics), /api/v1/push (Mimir), /api/v1/receive (Thanos) and /workspaces/ws-.../api/v1/remote_write (AMP)." $where $path)
  "server.remoteWrite" (list (dict "url" (printf "%s/api/v1/write" $origin)))) }}
{{- end }}
{{- include "observability-stack.checkAssumedRole" (dict "option" (printf "%s.sigv4.role_arn" $where) "role" (.sigv4 | default dict).role_arn
  "path" "serviceAccounts.server" "account" $.Values.serviceAccounts.server
  "pairs" (list "server.remoteWrite" (list (dict "url" $url "sigv4" (omit (.sigv4 | default dict) "role_arn"))))) }}
{{- $ways := list }}
{{- range list "sigv4" "basic_auth" "authorization" "oauth2" "azuread" "google_iam" "bearer_token" "bearer_token_file" }}{{ if hasKey $remote . }}{{ $ways = append $ways . }}{{ end }}{{ end }}
{{- include "observability-stack.reject" (list (gt (len $ways) 1)
  (printf "`%s` has %s, but Prometheus accepts one authentication method. Remove %s." $where (join " and " $ways) (without $ways (first (append $ways "")) | join ", "))) }}
{{- range $name, $_ := ternary .headers dict (not (empty .sigv4)) | default dict }}
{{- include "observability-stack.reject" (list (has (lower $name) (list "authorization" "host" "x-amz-date" "x-amz-content-sha256" "x-amz-security-token"))
  (printf "`%s.headers` has %s, which the signature (`sigv4`) sets. Remove it." $where $name)) }}
{{- end }}
{{- end }}
{{- end -}}
