{{/* vmagent in place of Prometheus in agent mode (`server.engine`). It reads the same scrape jobs; its remotes are arguments. */}}

{{- define "observability-stack.isVmagent" -}}
{{- if eq .Values.server.engine "vmagent" }}true{{ end -}}
{{- end -}}

{{/*
Files of the relabeling of remotes by name, as JSON. Labels are set here, because external labels of vmagent would rename labels of
metrics that the chart has already renamed.
*/}}
{{- define "observability-stack.vmagentRelabeling" -}}
{{- $labels := mergeOverwrite (dict) .Values.server.externalLabels (dict "cluster" .Values.cluster.name) -}}
{{- $steps := concat (include "observability-stack.ownLabels" $labels | fromJsonArray) (include "observability-stack.writeAllowed" . | fromJsonArray) -}}
{{- $files := dict "relabel.yaml" (toYaml $steps) -}}
{{- range $index, $remote := .Values.server.remoteWrite -}}
{{- $amp := (include "observability-stack.ampWorkspace" (tpl .url $) | fromJson).region -}}
{{- $names := ternary (include "observability-stack.legacyNames" $ | fromYamlArray) list (not (empty $amp)) -}}
{{- $_ := set $files (printf "relabel-%d.yaml" $index) (concat $names (.write_relabel_configs | default list) | toYaml) -}}
{{- end -}}
{{- $files | toJson -}}
{{- end -}}

{{/*
All files by name, a YAML map. vmagent removes labels with the prefix `__` after each relabeling, so a metric's own `__replica__` is
renamed at the scrape, and that of the instance is an argument.
*/}}
{{- define "observability-stack.vmagentFiles" -}}
{{- $scrape := .Values.scrape -}}
{{- $replica := dict "action" "labelmap" "regex" "(__replica__)" "replacement" "exported_$1" -}}
{{- $global := dict "scrape_interval" $scrape.interval "scrape_timeout" $scrape.timeout "metric_relabel_configs" (list $replica) -}}
{{- $files := include "observability-stack.vmagentRelabeling" . | fromJson -}}
{{- range include "observability-stack.prometheusInstances" . | fromJsonArray -}}
{{- $jobs := list -}}
{{- range include "observability-stack.scrapeConfigs" (dict "root" $ "instance" .) | fromJsonArray -}}
{{- /* The default of Prometheus. */ -}}
{{- $default := ternary dict (dict "honor_timestamps" true) (hasKey . "honor_timestamps") -}}
{{- $jobs = append $jobs (merge (omit . "fallback_scrape_protocol") $default) -}}
{{- end -}}
{{- $_ := set $files .file (dict "global" $global "scrape_configs" $jobs | toYaml) -}}
{{- end -}}
{{- toYaml $files -}}
{{- end -}}

{{/* Bytes that the queue of each remote may occupy: four fifths of the volume, divided among them. */}}
{{- define "observability-stack.vmagentQueueBytes" -}}
{{- $persistence := .Values.server.persistence -}}
{{- $size := ternary $persistence.persistentVolumeClaim.size $persistence.emptyDir.sizeLimit (ne "" (include "observability-stack.prometheusHasClaim" .)) -}}
{{- div (mul 4 (include "observability-stack.bytes" $size | int64)) (mul 5 (max 1 (len .Values.server.remoteWrite))) -}}
{{- end -}}

{{/*
Flags of a remote by name, as JSON: dict "root" $ "remote" <map> "index" <number>. One queue keeps the order of samples, which AMP
requires. Prometheus' defaults apply, except the minimum backoff, which would send 33 requests a second to a backend that rejects them.
*/}}
{{- define "observability-stack.vmagentRemote" -}}
{{- $remote := .remote -}}
{{- $queue := $remote.queue_config -}}
{{- $basic := $remote.basic_auth | default dict -}}
{{- $oauth2 := $remote.oauth2 | default dict -}}
{{- $tls := $remote.tls_config | default dict -}}
{{- $flags := dict "url" $remote.url "urlRelabelConfig" (printf "/etc/prometheus/relabel-%d.yaml" .index) "forcePromProto" true "queues" 1
  "maxDiskUsagePerURL" (include "observability-stack.vmagentQueueBytes" .root)
  "disableMetadata" (not (dig "metadata_config" "send" true $remote)) "proxyURL" $remote.proxy_url
  "basicAuth.username" $basic.username "basicAuth.usernameFile" $basic.username_file "basicAuth.passwordFile" $basic.password_file
  "bearerTokenFile" ($remote.bearer_token_file | default (dig "authorization" "credentials_file" "" $remote))
  "oauth2.clientID" $oauth2.client_id "oauth2.clientSecretFile" $oauth2.client_secret_file "oauth2.tokenUrl" $oauth2.token_url
  "oauth2.scopes" ($oauth2.scopes | default list | join ";") "oauth2.endpointParams" (ternary (toJson $oauth2.endpoint_params) "" (not (empty $oauth2.endpoint_params)))
  "tlsCAFile" $tls.ca_file "tlsCertFile" $tls.cert_file "tlsKeyFile" $tls.key_file "tlsServerName" $tls.server_name
  "tlsInsecureSkipVerify" (default false $tls.insecure_skip_verify)
-}}
{{- range $flag, $time := dict "sendTimeout" ($remote.remote_timeout | default "30s") "retryMinInterval" ($queue.min_backoff | default "1s") "retryMaxInterval" ($queue.max_backoff | default "5s") -}}
{{- $_ := set $flags $flag (printf "%sms" (include "observability-stack.milliseconds" $time)) -}}
{{- end -}}
{{- $headers := list -}}
{{- range $name, $value := $remote.headers }}{{ $headers = append $headers (printf "%s:%s" $name $value) }}{{ end -}}
{{- $_ := set $flags "headers" (join "^^" $headers) -}}
{{- $_ := set $flags "aws.useSigv4" (kindIs "map" $remote.sigv4) -}}
{{- with $remote.sigv4 -}}
{{- $aws := mergeOverwrite (dict) $.root.Values.aws (dict "useFipsEndpoints" (or $.root.Values.aws.useFipsEndpoints (default false .use_fips_sts_endpoint))) -}}
{{- $sts := include "observability-stack.awsHost" (dict "aws" $aws "service" "sts" "region" .region) -}}
{{- $flags = merge (dict "aws.region" .region "aws.roleARN" .role_arn "aws.service" .service_name "aws.stsEndpoint" (printf "https://%s" $sts)) $flags -}}
{{- end -}}
{{- $flags | toJson -}}
{{- end -}}

{{/* Arguments of remotes, a JSON list. A flag that one remote uses is repeated for all of them: its order is that of the URLs. */}}
{{- define "observability-stack.vmagentRemoteArgs" -}}
{{- $remotes := list -}}
{{- $used := list -}}
{{- range $index, $remote := include "observability-stack.remotesWithDefaults" . | fromJsonArray -}}
{{- $flags := include "observability-stack.vmagentRemote" (dict "root" $ "remote" $remote "index" $index) | fromJson -}}
{{- $remotes = append $remotes $flags -}}
{{- range $flag, $value := $flags }}{{ if $value }}{{ $used = append $used $flag }}{{ end }}{{ end -}}
{{- end -}}
{{- $args := list -}}
{{- range $flag := $used | uniq | sortAlpha -}}
{{- range $remotes -}}
{{- $value := get . $flag | default (ternary "false" "" (kindIs "bool" (get . $flag))) | toString -}}
{{- $args = append $args (printf "--remoteWrite.%s=%s" $flag (ternary (printf "%q" $value) $value (regexMatch "[,\"'\\[{(]" $value))) -}}
{{- end -}}
{{- end -}}
{{- $args | toJson -}}
{{- end -}}

{{/* Arguments, a YAML list: dict "root" $ "instance" <item of prometheusInstances>. */}}
{{- define "observability-stack.vmagentArgs" -}}
{{- $server := .root.Values.server -}}
{{- $queue := (first $server.remoteWrite).queue_config | default dict -}}
- --promscrape.config=/etc/prometheus/{{ .instance.file }}
- --promscrape.configCheckInterval=30s
# Prometheus has no limit.
- --promscrape.maxScrapeSize=1GiB
- --httpListenAddr=:{{ $server.service.port | int }}
- --enableTCP6
- --loggerLevel={{ eq $server.logLevel "debug" | ternary "info" $server.logLevel | upper }}
{{- with (include "observability-stack.web" (dict "root" .root "component" "server") | fromJson).prefix }}
- {{ printf "--http.pathPrefix=%s" . | quote }}
{{- end }}
- --remoteWrite.tmpDataPath=/prometheus
- --remoteWrite.maxRowsPerBlock={{ $queue.max_samples_per_send | default 2000 | int }}
- --remoteWrite.flushInterval={{ include "observability-stack.milliseconds" ($queue.batch_send_deadline | default "1s") }}ms
# Remote write requires sorted labels.
- --sortLabels
- --remoteWrite.relabelConfig=/etc/prometheus/relabel.yaml
{{- if gt (int $server.replicas) 1 }}
- --remoteWrite.label=__replica__={{ .instance.name }}
{{- end }}
{{- range include "observability-stack.vmagentRemoteArgs" .root | fromJsonArray }}
- {{ quote . }}
{{- end }}
{{- end -}}
