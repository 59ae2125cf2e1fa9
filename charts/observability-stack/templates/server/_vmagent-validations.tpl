{{/* Checks of `server.engine: vmagent`: what vmagent does not support is rejected by name. */}}

{{/* Paths of options that are not in a list of files/vmagent.yaml, a JSON list: dict "given" <map> "known" <map> "path" <of the map>. */}}
{{- define "observability-stack.unknownOptions" -}}
{{- $unknown := list -}}
{{- range $option, $value := .given -}}
{{- $path := printf "%s.%s" $.path $option -}}
{{- if not (hasKey $.known $option) -}}
{{- $unknown = append $unknown $path -}}
{{- else if get $.known $option -}}
{{- $items := kindIs "slice" $value | ternary $value (list $value) -}}
{{- range $index, $item := $items -}}
{{- $at := kindIs "slice" $value | ternary (printf "%s[%d]" $path $index) $path -}}
{{- if kindIs "map" $item }}{{ $unknown = include "observability-stack.unknownOptions" (dict "given" $item "known" (get $.known $option) "path" $at) | fromJsonArray | concat $unknown }}{{ end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $unknown | toJson -}}
{{- end -}}

{{- define "observability-stack.checkVmagent" -}}
{{- $server := .Values.server -}}
{{- if and (include "observability-stack.isVmagent" .) .Values.metrics.enabled $server.enabled -}}
{{- $known := .Files.Get "files/vmagent.yaml" | fromYaml -}}
{{- include "observability-stack.reject" (list (not (include "observability-stack.prometheusIsAgent" .))
  "`server.engine` is vmagent, which only forwards samples: it has no storage, queries and rules. Set `server.remoteWrite` and the mode agent, or use Prometheus."
  "server.engine" "prometheus") -}}
{{- range list "config" "externalUrl" -}}
{{- include "observability-stack.reject" (list (not (empty (get $server.web .)))
  (printf "`server.web.%s` is set, but vmagent supports only `server.web.routePrefix`. Remove it, or use Prometheus." .) "server.engine" "prometheus") -}}
{{- end -}}
{{- include "observability-stack.reject" (list (gt (int64 $server.queue.samplesPerSecond) 0)
  "`server.queue.samplesPerSecond` is set, but vmagent sends one request at a time, so that samples stay in order. Remove it, and distribute the targets if one pod is too slow."
  "server.shards" (add1 $server.shards)) -}}
{{- $unknown := list -}}
{{- range $index, $remote := $server.remoteWrite -}}
{{- $where := printf "server.remoteWrite[%d]" $index -}}
{{- /* What vmagent does without the option. */ -}}
{{- range $option, $value := dict "enable_http2" false "follow_redirects" true "proxy_from_environment" true "round_robin_dns" false "send_exemplars" false "send_native_histograms" false -}}
{{- if and (hasKey $remote $option) (eq $value (get $remote $option)) }}{{ $remote = omit $remote $option }}{{ end -}}
{{- end -}}
{{- $unknown = include "observability-stack.unknownOptions" (dict "given" $remote "known" $known.remoteWrite "path" $where) | fromJsonArray | concat $unknown -}}
{{- include "observability-stack.reject" (list (not (dig "queue_config" "retry_on_http_429" true $remote))
  (printf "`%s.queue_config.retry_on_http_429` is false, but vmagent always retries. Remove it." $where)) -}}
{{- $type := dig "authorization" "type" "Bearer" $remote -}}
{{- include "observability-stack.reject" (list (ne "bearer" (lower $type))
  (printf "`%s.authorization.type` is %s, but vmagent supports only Bearer." $where $type) "server.engine" "prometheus") -}}
{{- include "observability-stack.reject" (list (regexMatch "://[^/]*@" $remote.url)
  (printf "`%s.url` contains a login, which everyone who can read pods would see in the arguments of vmagent. Use `basic_auth.username` and `basic_auth.password_file`." $where)) -}}
{{- range $name, $value := $remote.headers -}}
{{- include "observability-stack.reject" (list (and (regexMatch "(?i)auth|cookie|key|secret|token" $name) (not (contains "%{" $value)))
  (printf "`%s.headers.%s` may be a secret, which everyone who can read pods would see in the arguments of vmagent. Read it from an environment variable of `server.extraEnv`:" $where $name)
  "server.remoteWrite" (list (dict "url" $remote.url "headers" (dict $name "%{API_KEY}")))) -}}
{{- end -}}
{{- end -}}
{{- range $option := list "batch_send_deadline" "max_samples_per_send" -}}
{{- $given := list -}}
{{- range $server.remoteWrite }}{{ $given = append $given (dig "queue_config" $option "" . | toString) }}{{ end -}}
{{- include "observability-stack.reject" (list (gt (len (uniq $given)) 1)
  (printf "`queue_config.%s` differs between `server.remoteWrite`, but vmagent has one for all remotes. Set the same everywhere." $option)) -}}
{{- end -}}
{{- range $index, $job := .Values.scrape.extraConfigs -}}
{{- $unknown = include "observability-stack.unknownOptions" (dict "given" $job "known" $known.scrape "path" (printf "scrape.extraConfigs[%d]" $index)) | fromJsonArray | concat $unknown -}}
{{- end -}}
{{- range $unknown -}}
{{- $option := splitList "." . | last -}}
{{- $instead := get $known.instead $option -}}
{{- include "observability-stack.reject" (list true
  (printf "`%s` is an option that vmagent does not support. %s, or use Prometheus." . (empty $instead | ternary "Remove it" (printf "Use `%s`" $instead))) "server.engine" "prometheus") -}}
{{- end -}}
{{- $flags := "httpListenAddr|httpAuth[.].*|http[.]pathPrefix|promscrape[.]config|remoteWrite[.](aws[.].*|label|queues|relabelConfig|tmpDataPath|url|urlRelabelConfig)|tls.*" -}}
{{- range $server.extraArgs -}}
{{- $flag := regexFind (printf "^--(%s)(=|$)" $flags) . | trimSuffix "=" -}}
{{- include "observability-stack.reject" (list (ne $flag "") (printf "`server.extraArgs` has %s, which the chart sets or does not follow. Remove it." $flag)) -}}
{{- end -}}
{{- $bytes := include "observability-stack.vmagentQueueBytes" . | int64 -}}
{{- include "observability-stack.reject" (list (lt $bytes 536871040)
  (printf "The volume of `server.persistence` has %d MiB for the samples that wait for each remote, but vmagent needs at least 512." (div $bytes 1048576))
  "server.persistence.emptyDir.sizeLimit" (printf "%dGi" (len $server.remoteWrite)) "server.persistence.persistentVolumeClaim.size" (printf "%dGi" (len $server.remoteWrite))) -}}
{{- $texts := toJson (list .Values.cluster.name $server.externalLabels .Values.scrape.extraConfigs .Values.scrape.allowList.keep .Values.rules.groups) -}}
{{- range $server.remoteWrite }}{{ $texts = print $texts (toJson .write_relabel_configs) }}{{ end -}}
{{- range $mark, $replaced := dict "%{" "environment variables" "{{" "labels" -}}
{{- include "observability-stack.reject" (list (and (contains $mark $texts) (or (eq $mark "%{") (regexMatch "replacement\"[^,]*\\{\\{" $texts)))
  (printf "The values of the scrape jobs or labels contain %q, which vmagent replaces with %s. Remove it, or use Prometheus." $mark $replaced) "server.engine" "prometheus") -}}
{{- end -}}
{{- end -}}
{{- end -}}
