{{/*
fluentd's configuration on a node, in YAML (fluentd 1.15 and newer): data, rendered once. The sources are those of Fluent
Bit; each pipeline is a label with its filters and its own buffer.
*/}}

{{- define "observability-stack.logsByFluentd" -}}
{{- if and .Values.logs.enabled (eq .Values.logs.engine "fluentd") }}true{{ end -}}
{{- end -}}

{{- define "observability-stack.fluentdStateDir" -}}
/var/lib/fluentd
{{- end -}}

{{/* What every tail source has: dict "root" $ "name" <of its positions> "pipeline" <name> "paths", "exclude" <lists>. */}}
{{- define "observability-stack.fluentdTail" -}}
{{- $values := .root.Values.logs -}}
{{- dict
  "$type" "tail"
  "$id" .name
  "$label" (printf "@%s" (upper .pipeline))
  "tag" (printf "%s.*" .pipeline)
  "path" (join "," .paths)
  "exclude_path" (.exclude | default list | toJson)
  "path_key" "path"
  "pos_file" (printf "%s/%s.pos" (include "observability-stack.fluentdStateDir" .root) .name)
  "pos_file_compaction_interval" "1h"
  "read_from_head" (eq $values.readFrom "head")
  "follow_inodes" true
  "refresh_interval" (int $values.refreshSeconds)
  "max_line_size" $values.maxLineSize
| toYaml -}}
{{- end -}}

{{/*
A source of pods' logs, which containerd writes as `<time> <stream> <P of a part, F of an end> <text>`; arguments as above.
The filter that joins parts takes away the names that it is told: so the stream has two.
*/}}
{{- define "observability-stack.fluentdPods" -}}
{{- $parts := ternary "(?<of>(?<stream>stdout|stderr)) (?<flag>[^ ]+)" "(?<stream>stdout|stderr) (?<_p>[^ ]+)" .root.Values.logs.joinParts -}}
{{- $parse := dict
  "$type" "regexp"
  "expression" (printf "/^(?<time>[^ ]+) %s (?<log>.*)$/" $parts)
  "time_format" "%Y-%m-%dT%H:%M:%S.%N%:z"
-}}
{{- merge (include "observability-stack.fluentdTail" . | fromYaml) (dict "parse" $parse) | toYaml -}}
{{- end -}}

{{/* A source of the journal: dict "root" $ "pipeline" <name> "matches" <list of FIELD=value>. */}}
{{- define "observability-stack.fluentdJournal" -}}
{{- $matches := list -}}
{{- range .matches -}}
{{- $parts := splitn "=" 2 . -}}
{{- $matches = append $matches (dict $parts._0 $parts._1) -}}
{{- end -}}
{{- $names := dict "MESSAGE" "message" "PRIORITY" "priority" "SYSLOG_IDENTIFIER" "identifier" "_HOSTNAME" "hostname" "_SYSTEMD_UNIT" "systemd_unit" -}}
{{- dict
  "$type" "systemd"
  "$id" (printf "%s-journal" .pipeline)
  "$label" (printf "@%s" (upper .pipeline))
  "tag" (printf "%s.journal" .pipeline)
  "path" .root.Values.logs.journalPath
  "matches" ($matches | toJson)
  "read_from_head" (eq .root.Values.logs.readFrom "head")
  "storage" (dict "$type" "local" "persistent" true "path" (printf "%s/%s-journal.json" (include "observability-stack.fluentdStateDir" .root) .pipeline))
  "entry" (dict "field_map" ($names | toJson) "field_map_strict" true)
| toYaml -}}
{{- end -}}

{{- define "observability-stack.fluentdSources" -}}
{{- $values := .Values.logs -}}
{{- $dataplane := include "observability-stack.dataplanePods" . | fromJsonArray -}}
{{- $made := list -}}
{{- if $values.application.enabled -}}
{{- $namespaces := $values.application.namespaces -}}
{{- $starts := list "" -}}
{{- if $namespaces.include }}{{ $starts = list }}{{ range $namespaces.include }}{{ $starts = append $starts (printf "%s_" .) }}{{ end }}{{ end -}}
{{- /* What the agent says about lines that it cannot send would be more such lines. */}}
{{- $excluded := list (printf "/var/log/pods/%s_%s-*/*/*" .Release.Namespace (include "observability-stack.componentName" (dict "root" . "component" "logs"))) -}}
{{- range $dataplane }}{{ $excluded = append $excluded (printf "/var/log/pods/%s*/*/*" .) }}{{ end -}}
{{- range $namespaces.exclude }}{{ $excluded = append $excluded (printf "/var/log/pods/%s_*/*/*" .) }}{{ end -}}
{{- $given := dict "root" . "name" "application" "pipeline" "application" "paths" (include "observability-stack.podLogs" $starts | fromJsonArray) "exclude" $excluded -}}
{{- $made = append $made (include "observability-stack.fluentdPods" $given | fromYaml) -}}
{{- end -}}
{{- if and $values.dataplane.enabled $dataplane -}}
{{- $given := dict "root" . "name" "dataplane-pods" "pipeline" "dataplane" "paths" (include "observability-stack.podLogs" $dataplane | fromJsonArray) -}}
{{- $made = append $made (include "observability-stack.fluentdPods" $given | fromYaml) -}}
{{- end -}}
{{- range $name := list "dataplane" "host" -}}
{{- $pipeline := get $values $name -}}
{{- if and $pipeline.enabled $pipeline.journal -}}
{{- $made = append $made (include "observability-stack.fluentdJournal" (dict "root" $ "pipeline" $name "matches" $pipeline.journal) | fromYaml) -}}
{{- end -}}
{{- end -}}
{{- if and $values.host.enabled $values.host.files -}}
{{- $source := include "observability-stack.fluentdTail" (dict "root" . "name" "host-files" "pipeline" "host" "paths" $values.host.files) | fromYaml -}}
{{- $made = append $made (merge $source (dict "parse" (dict "$type" "none" "message_key" "log"))) -}}
{{- end -}}
{{- $made | toJson -}}
{{- end -}}

{{/*
What the records of a pipeline pass: dict "root" $ "name" <pipeline>; a JSON list. Parts of a line are joined, and the names
of a pod are those in its file's path: nothing is asked of the API server.
*/}}
{{- define "observability-stack.fluentdFilters" -}}
{{- $made := list -}}
{{- if ne .name "host" -}}
{{- $concat := dict "$type" "concat" "$tag" (printf "%s.var.log.pods.**" .name) "key" "log" "separator" "" "use_partial_cri_logtag" true "partial_cri_logtag_key" "flag" "partial_cri_stream_key" "of" "stream_identity_key" "of" -}}
{{- $names := `${a = record["path"].split("/"); b = a[4].split("_"); Hash["namespace_name", b[0], "pod_name", b[1], "container_name", a[5]]}` -}}
{{- $pod := dict "$type" "record_transformer" "$tag" (printf "%s.var.log.pods.**" .name) "enable_ruby" true "auto_typecast" true "record" (dict "kubernetes" $names) "remove_keys" "path" -}}
{{- $made = list $pod -}}
{{- if .root.Values.logs.joinParts }}{{ $made = prepend $made $concat }}{{ end -}}
{{- end -}}
{{- $origin := dict "cluster" .root.Values.cluster.name "pipeline" .name "node" "${HOST_NAME}" -}}
{{- $made = append $made (dict "$type" "record_transformer" "$tag" "**" "record" $origin) -}}
{{- /* A chunk that is sent again is stored once. */ -}}
{{- $backend := .root.Values.logs.output.type -}}
{{- if (get .root.Values.logs.output $backend).generateId -}}
{{- $made = append $made (dict "$type" (printf "%s_genid" $backend) "$tag" "**" "hash_id_key" "_hash") -}}
{{- end -}}
{{- $made | toJson -}}
{{- end -}}

{{/* The bulk API: dict "root" $ "name" <pipeline>. What does not fit into the buffer stays in the log files: reading waits. */}}
{{- define "observability-stack.fluentdMatch" -}}
{{- $output := .root.Values.logs.output -}}
{{- $prefix := include "observability-stack.fluentdVariables" .root -}}
{{- $buffer := dict
  "$type" "file"
  "path" (printf "%s/buffer-%s" (include "observability-stack.fluentdStateDir" .root) .name)
  "total_limit_size" (get .root.Values.logs .name).bufferSize
  "chunk_limit_size" "2m"
  "overflow_action" "block"
  "flush_mode" "interval"
  "flush_interval" .root.Values.logs.flushSeconds
  "flush_at_shutdown" true
  "retry_max_interval" "30s"
-}}
{{- $limit := ternary (dict "retry_forever" true) (dict "retry_max_times" $output.retries) (kindIs "string" $output.retries) -}}
{{- $match := dict
  "$type" $output.type
  "$tag" "**"
  "$id" (printf "%s-output" .name)
  "host" (printf "${%s_HOST}" $prefix)
  "port" (printf "${%s_PORT}" $prefix)
  "scheme" (printf "${%s_SCHEME}" $prefix)
  "index_name" (get $output $output.type).index
  "suppress_type_name" true
  "write_operation" "create"
  "include_timestamp" true
  "reload_connections" false
  "reconnect_on_error" true
  "request_timeout" "60s"
  "buffer" (merge $buffer $limit)
-}}
{{- if (get $output $output.type).generateId -}}
{{- $match = merge $match (dict "id_key" "_hash" "remove_keys" "_hash") -}}
{{- end -}}
{{- if $output.secret.name -}}
{{- $match = merge $match (dict "user" (printf "${%s_USER}" $prefix) "password" (printf "${%s_PASSWORD}" $prefix)) -}}
{{- end -}}
{{- if eq $output.type "elasticsearch" -}}
{{- $match = merge $match (dict "verify_es_version_at_startup" false "default_elasticsearch_version" 8 "log_es_400_reason" true) -}}
{{- else -}}
{{- $match = merge $match (dict "verify_os_version_at_startup" false "log_os_400_reason" true) -}}
{{- end -}}
{{- $match | toJson -}}
{{- end -}}

{{/* How the variables begin that the article, and the image's own configuration, have for the backend. */}}
{{- define "observability-stack.fluentdVariables" -}}
FLUENT_{{ upper .Values.logs.output.type }}
{{- end -}}

{{/*
The whole configuration, as YAML. A value that is nothing but `${NAME}` becomes what fluentd calls an embedded string, which
reads the environment.
*/}}
{{- define "observability-stack.fluentdConfig" -}}
{{- $config := list -}}
{{- range include "observability-stack.fluentdSources" . | fromJsonArray }}{{ $config = append $config (dict "source" .) }}{{ end -}}
{{- $config = append $config (dict "source" (dict "$type" "prometheus" "$id" "metrics" "bind" "0.0.0.0" "port" (int .Values.logs.fluentd.port))) -}}
{{- $config = append $config (dict "source" (dict "$type" "prometheus_output_monitor" "$id" "metrics-outputs")) -}}
{{- range include "observability-stack.logPipelines" . | fromJsonArray -}}
{{- $scope := dict "root" $ "name" .name -}}
{{- $pipeline := list -}}
{{- range include "observability-stack.fluentdFilters" $scope | fromJsonArray }}{{ $pipeline = append $pipeline (dict "filter" .) }}{{ end -}}
{{- $pipeline = append $pipeline (dict "match" (include "observability-stack.fluentdMatch" $scope | fromJson)) -}}
{{- $config = append $config (dict "label" (dict "$name" (printf "@%s" (upper .name)) "config" $pipeline)) -}}
{{- end -}}
{{- $text := dict "system" (dict "log_level" .Values.logs.logLevel "disable_shared_socket" true) "config" $config | toYaml -}}
{{- regexReplaceAll "(?m): \\$\\{([A-Z_]+)\\}$" $text ": !fluent/s \"#{ENV['${1}']}\"" -}}
{{- end -}}
