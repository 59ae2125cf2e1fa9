{{/* Outputs of logs and events: a Fluent Bit output for each pair of an output in the values and a pipeline that it receives. */}}

{{/* Directory of positions and buffers in the containers of Fluent Bit. */}}
{{- define "observability-stack.stateDir" -}}
/var/lib/fluent-bit
{{- end -}}

{{/* Directory of the CA certificates of outputs. */}}
{{- define "observability-stack.caDirectory" -}}
/etc/outputs-ca
{{- end -}}

{{/* Names of the enabled pipelines, as JSON: dict "root" $ "component" <logs, events or fargate>. */}}
{{- define "observability-stack.pipelines" -}}
{{- $values := get .root.Values .component -}}
{{- $values = $values.logging | default $values -}}
{{- $names := ternary list (list .component) (eq .component "logs") -}}
{{- range ternary (list "application" "dataplane" "host") list (eq .component "logs") }}{{ if (get $values .).enabled }}{{ $names = append $names . }}{{ end }}{{ end -}}
{{- ternary $names list $values.enabled | toJson -}}
{{- end -}}

{{/* Placeholders of options and their texts, as JSON; helpers that know the pipeline add {pipeline}. */}}
{{- define "observability-stack.outputNames" -}}
{{- dict "cluster" .Values.cluster.name "region" .Values.cluster.region "node" "${HOST_NAME}" | toJson -}}
{{- end -}}

{{/* The pipelines of all agents, and the placeholders of their outputs, as JSON: the arguments "sources", "unlined" and "names" of the checks. */}}
{{- define "observability-stack.routed" -}}
{{- $sources := list -}}
{{- range list "logs" "events" "fargate" }}{{ $sources = include "observability-stack.pipelines" (dict "root" $ "component" .) | fromJsonArray | concat $sources }}{{ end -}}
{{- $unlined := list -}}
{{- range $sources }}{{ if or (eq . "events") (and (has . (list "dataplane" "host")) (get $.Values.logs .).journal) }}{{ $unlined = append $unlined . }}{{ end }}{{ end -}}
{{- dict "sources" $sources "unlined" $unlined "names" (include "observability-stack.outputNames" . | fromJson) | toJson -}}
{{- end -}}

{{/* Commands for the KMS keys and tags of log groups. Argument: the root. */}}
{{- define "observability-stack.logGroupSettings" -}}
{{- $routed := include "observability-stack.routed" . | fromJson -}}
{{- include "observability-stack.logGroupNotes" (dict
  "outputs" (include "observability-stack.outputs" . | fromJsonArray)
  "pipelines" $routed.sources
  "names" $routed.names
  "partition" (include "observability-stack.partition" .Values.cluster.region)
  "region" .Values.cluster.region
) -}}
{{- end -}}

{{/* Whether an output relates records to workloads. Argument: the root. */}}
{{- define "observability-stack.addsEntity" -}}
{{- range include "observability-stack.outputs" . | fromJsonArray }}{{ if get . "addEntity" }}true{{ end }}{{ end -}}
{{- end -}}

{{/* Messages about such outputs: what Fluent Bit requires is one pod in each log stream, since a stream has one workload. Argument: the root. */}}
{{- define "observability-stack.checkEntities" -}}
{{- range $output := include "observability-stack.outputs" . | fromJsonArray }}
{{- if get . "addEntity" }}
{{- $path := printf "outputs.%s" .name }}
{{- include "observability-stack.reject" (list (not $.Values.cluster.accountId) (printf "`%s.addEntity` requires the ID of the AWS account." $path) "cluster.accountId" "111122223333") }}
{{- include "observability-stack.reject" (list (eq $.Values.logs.metadata.from "tag") (printf "`%s.addEntity` is true, but `logs.metadata.from: tag` adds no workloads." $path) "logs.metadata.from" "kubelet") }}
{{- include "observability-stack.reject" (list (not (empty .logKey)) (printf "`%s` has addEntity and logKey, with which Fluent Bit 5.1.1 reads memory that does not belong to the record." $path) (printf "%s.addEntity" $path) false) }}
{{- include "observability-stack.reject" (list (or .logStreamName (and .logStreamTemplate (not (contains "$kubernetes['pod_name']" .logStreamTemplate))))
  (printf "`%s.addEntity` is true, but several pods share a log stream, which has one workload." $path) (printf "%s.logStreamName" $path) "" (printf "%s.logStreamTemplate" $path) "$kubernetes['pod_name'].$kubernetes['container_name']") }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Whether an output sends lines alone, so that JSON lines are kept next to their parsed fields. Argument: the root. */}}
{{- define "observability-stack.keepsLines" -}}
{{- range include "observability-stack.outputs" . | fromJsonArray }}{{ if eq (get . "logKey") "log" }}true{{ end }}{{ end -}}
{{- end -}}

{{/* Outputs that receive records of an agent, as JSON: dict "root" $ and "component" <logs or events> or "pipelines" <names>. */}}
{{- define "observability-stack.receivers" -}}
{{- $receivers := list -}}
{{- $pipelines := .pipelines -}}
{{- if .component }}{{ $pipelines = include "observability-stack.pipelines" . | fromJsonArray }}{{ end -}}
{{- range $output := include "observability-stack.outputs" .root | fromJsonArray -}}
{{- $receives := "" -}}
{{- range $pipelines -}}
{{- $receives = include "observability-stack.outputReceives" (dict "output" $output "by" "pipelines" "source" . "namespaced" (list "application")) | default $receives -}}
{{- end -}}
{{- if $receives }}{{ $receivers = append $receivers $output }}{{ end -}}
{{- end -}}
{{- $receivers | toJson -}}
{{- end -}}

{{/* Fluent Bit outputs of an agent, as JSON: dict "root" $ "component" <logs or events>. */}}
{{- define "observability-stack.fluentBitOutputs" -}}
{{- $root := .root -}}
{{- $types := include "observability-stack.outputTypes" $root | fromJson -}}
{{- $names := include "observability-stack.outputNames" $root | fromJson -}}
{{- $pipelines := include "observability-stack.pipelines" . | fromJsonArray -}}
{{- $sections := list -}}
{{- range $pipeline := $pipelines -}}
{{- $values := ternary $root.Values.events (get $root.Values.logs $pipeline) (eq $pipeline "events") -}}
{{- range $output := include "observability-stack.receivers" (dict "root" $root "pipelines" (list $pipeline)) | fromJsonArray -}}
{{- $alias := gt (len $pipelines) 1 | ternary (printf "%s-%s" $output.name $pipeline) $output.name -}}
{{- $section := include "observability-stack.pipelineOutput" (dict
  "output" $output
  "pipeline" $pipeline
  "alias" $alias
  "prefix" "application\\.pods\\."
  "labels" (and (has $pipeline (list "application" "dataplane")) (or $root.Values.logs.metadata.labels $root.Values.logs.metadata.annotations))
  "types" $types
  "names" $names
  "aws" $root.Values.aws
  "caDirectory" (include "observability-stack.caDirectory" $root)
  "trust" (include "observability-stack.trust" (dict "root" $root "file" (printf "%s/ca.crt" (include "observability-stack.caBundleDirectory" $root))) | fromJson)
  "storeDir" (printf "%s/s3-%s" (include "observability-stack.stateDir" $root) $alias)
  "limit" $values.storage.totalLimitSize
) | fromJson -}}
{{- if eq $pipeline "events" -}}
{{- $_ := set $section "match" "events" -}}
{{- if contains "${HOST_NAME}" (get $section "log_stream_prefix") -}}
{{- /* One stream, wherever the collector runs. */ -}}
{{- $section = omit $section "log_stream_prefix" | merge (dict "log_stream_name" "events") -}}
{{- end -}}
{{- end -}}
{{- $sections = append $sections $section -}}
{{- end -}}
{{- end -}}
{{- $sections | toJson -}}
{{- end -}}

{{/*
Filters that add the origin of records (cluster, pipeline), for backends other than CloudWatch, where log groups and streams name
it; a JSON list. dict "root" $ "pipeline" <name> "record" <further fields> "options" <alias and match>.
*/}}
{{- define "observability-stack.originFilter" -}}
{{- $filters := list -}}
{{- range include "observability-stack.receivers" (dict "root" .root "pipelines" (list .pipeline)) | fromJsonArray -}}
{{- if ne .type "cloudwatch" -}}
{{- $record := concat (list (printf "cluster %s" $.root.Values.cluster.name) (printf "pipeline %s" $.pipeline)) $.record -}}
{{- $filters = list (merge (dict "name" "record_modifier" "record" $record) $.options) -}}
{{- end -}}
{{- end -}}
{{- $filters | toJson -}}
{{- end -}}

{{/* Environment variables of an agent's outputs, a YAML list: dict "root" $ "component" <name>. */}}
{{- define "observability-stack.outputEnvironment" -}}
- {name: HOST_NAME, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}
- {name: POD_IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}
{{ include "observability-stack.receivers" . | fromJsonArray | include "observability-stack.outputEnv" }}
{{- end -}}

{{/* Volumes with the CA certificates of an agent's outputs, with their mounts; arguments as above. */}}
{{- define "observability-stack.outputCertificates" -}}
{{- $outputs := include "observability-stack.receivers" . | fromJsonArray -}}
{{- $given := dict "outputs" $outputs "prefix" "ca-" "directory" (include "observability-stack.caDirectory" .root) -}}
{{- $mounts := include "observability-stack.outputMounts" $given | fromYamlArray -}}
{{- range $index, $volume := include "observability-stack.outputVolumes" $given | fromYamlArray }}
- {{ set $volume "mounts" (list (index $mounts $index)) | toJson }}
{{- end }}
{{- end -}}

{{/*
The service section of Fluent Bit, as JSON. Argument: a block with logLevel, flush, storage, httpServer and
terminationGracePeriodSeconds, of which the preStop hook and the exit need 10. Below `storage.backlog.mem_limit`, Fluent Bit queues
the chunks of a previous run at its start; what it has not queued at SIGTERM stays on the disk. Queued chunks need little memory.
*/}}
{{- define "observability-stack.fluentBitService" -}}
{{- $state := include "observability-stack.stateDir" . -}}
{{- dict
  "flush" .flush
  "grace" (max 1 (sub .terminationGracePeriodSeconds 10))
  "log_level" .logLevel
  "http_server" true
  "http_listen" .httpServer.listen
  "http_port" (int .httpServer.port)
  "health_check" true
  "hc_errors_count" (int .httpServer.hcErrorsCount)
  "hc_retry_failure_count" (int .httpServer.hcRetryFailureCount)
  "hc_period" (int .httpServer.hcPeriod)
  "scheduler.base" 1
  "scheduler.cap" 30
  "storage.path" (printf "%s/chunks" $state)
  "storage.sync" "normal"
  "storage.checksum" false
  "storage.metrics" true
  "storage.max_chunks_up" (int .storage.maxChunksUp)
  "storage.backlog.mem_limit" "256M"
| toJson -}}
{{- end -}}
