{{/*
A value that a values file sets to null is gone, and the first template that reads it would stop with a nil pointer.
Only when all are there do the other checks run. Values that may be null are not listed.
*/}}
{{- define "log-sidecar.blocks" -}}
global commonLabels commonAnnotations app app.demo app.demo.traces app.image app.startupProbe app.livenessProbe
app.readinessProbe app.lifecycle app.resources app.securityContext app.tmp app.updateStrategy app.job
app.cronJob app.service app.service.annotations app.service.labels app.serviceAccount
app.serviceAccount.annotations logs logs.volume logs.volume.emptyDir logs.volume.persistentVolumeClaim
logs.volume.persistentVolumeClaim.annotations logs.volume.existing sidecar sidecar.resources
sidecar.securityContext sidecar.startupProbe sidecar.livenessProbe sidecar.readinessProbe sidecar.state
sidecar.fluentBit sidecar.fluentBit.image sidecar.fluentBit.metrics sidecar.tail sidecar.tail.image
sidecar.sumologicCollector sidecar.sumologicCollector.image sidecar.sumologicCollector.credentials
sidecar.sumologicCollector.source sidecar.sumologicCollector.resources
sidecar.sumologicCollector.securityContext sidecar.fluentd sidecar.fluentd.image sidecar.fluentd.metrics
sidecar.fluentd.resources podLabels injection injection.namespaceSelector injection.volume injection.profiles
injection.profiles.default podAnnotations podSecurityContext nodeSelector affinity podDisruptionBudget tests
output output.labels output.buffer output.ca output.cloudwatch output.elasticsearch output.elasticsearch.tls
output.elasticsearch.username output.elasticsearch.password output.elasticsearch.logstash output.opensearch
output.opensearch.tls output.opensearch.username output.opensearch.password output.opensearch.aws
output.opensearch.logstash output.sumologic output.sumologic.url output.http output.http.url output.http.tls
output.http.username output.http.password output.http.headers output.http.secretHeaders output.forward
output.forward.tls output.forward.sharedKey output.forward.username output.forward.password
{{- end -}}

{{- define "log-sidecar.lists" -}}
global.imagePullSecrets imagePullSecrets app.command app.args app.env app.extraEnv app.envFrom
app.extraEnvFrom app.ports app.extraVolumeMounts app.service.ports app.service.loadBalancerSourceRanges
logs.files logs.volume.persistentVolumeClaim.accessModes sidecar.extraEnv sidecar.extraEnvFrom
sidecar.extraVolumeMounts injection.excludeNamespaces tolerations topologySpreadConstraints extraVolumes
extraInitContainers extraContainers extraObjects
{{- end -}}

{{- define "log-sidecar.scalars" -}}
global.imageRegistry nameOverride fullnameOverride app.enabled app.kind app.name app.demo.enabled
app.demo.logTo app.demo.queueLines app.demo.linesPerRequest app.demo.jobLines app.demo.rotateBytes
app.demo.rotateKeep app.demo.traces.protocol app.demo.traces.endpoint app.demo.traces.service
app.demo.traces.logGroup app.image.registry app.image.repository app.image.tag app.image.digest
app.image.pullPolicy app.workingDir app.tmp.enabled app.tmp.sizeLimit app.revisionHistoryLimit
app.restartPolicy app.job.backoffLimit app.job.completions app.job.parallelism app.cronJob.schedule
app.cronJob.timeZone app.cronJob.concurrencyPolicy app.cronJob.suspend app.cronJob.successfulJobsHistoryLimit
app.cronJob.failedJobsHistoryLimit app.service.enabled app.service.type app.service.loadBalancerClass
app.service.externalTrafficPolicy app.serviceAccount.create app.serviceAccount.name
app.serviceAccount.automount logs.directory logs.multilineSeparator logs.volume.type
logs.volume.emptyDir.sizeLimit logs.volume.emptyDir.medium logs.volume.persistentVolumeClaim.existingClaim
logs.volume.persistentVolumeClaim.storageClassName logs.volume.persistentVolumeClaim.size
logs.volume.existing.name logs.volume.existing.subPath sidecar.enabled sidecar.name sidecar.engine
sidecar.native sidecar.perFile sidecar.fileLabel sidecar.drainSeconds sidecar.quietSeconds sidecar.logLevel
sidecar.startupProbe.enabled sidecar.livenessProbe.enabled sidecar.readinessProbe.enabled
sidecar.state.sizeLimit sidecar.state.medium sidecar.fluentBit.image.registry
sidecar.fluentBit.image.repository sidecar.fluentBit.image.tag sidecar.fluentBit.image.digest
sidecar.fluentBit.image.pullPolicy sidecar.fluentBit.binary sidecar.fluentBit.metrics.listen
sidecar.fluentBit.metrics.port sidecar.fluentBit.flushSeconds sidecar.fluentBit.refreshMilliseconds
sidecar.fluentBit.maxLineSize sidecar.fluentBit.maxChunksUp sidecar.tail.image.registry
sidecar.tail.image.repository sidecar.tail.image.tag sidecar.tail.image.digest sidecar.tail.image.pullPolicy
sidecar.sumologicCollector.image.registry sidecar.sumologicCollector.image.repository
sidecar.sumologicCollector.image.tag sidecar.sumologicCollector.image.digest
sidecar.sumologicCollector.image.pullPolicy sidecar.sumologicCollector.binary
sidecar.sumologicCollector.credentials.secretName sidecar.sumologicCollector.credentials.accessIdKey
sidecar.sumologicCollector.credentials.accessKeyKey sidecar.sumologicCollector.url
sidecar.sumologicCollector.namePrefix sidecar.sumologicCollector.category
sidecar.sumologicCollector.javaMemoryMegabytes sidecar.sumologicCollector.drainSeconds
sidecar.fluentd.image.registry sidecar.fluentd.image.repository sidecar.fluentd.image.tag
sidecar.fluentd.image.digest sidecar.fluentd.image.pullPolicy sidecar.fluentd.binary
sidecar.fluentd.metrics.listen sidecar.fluentd.metrics.port sidecar.fluentd.refreshSeconds
sidecar.fluentd.drainSeconds injection.enabled injection.annotationPrefix injection.name injection.runAsUser
injection.runAsGroup injection.volume.sizeLimit terminationGracePeriodSeconds priorityClassName
runtimeClassName podDisruptionBudget.enabled podDisruptionBudget.minAvailable
podDisruptionBudget.maxUnavailable tests.enabled output.type output.retries output.flushSeconds
output.graceSeconds output.buffer.maxSize output.ca.secret output.ca.configMap output.ca.key
output.cloudwatch.region output.cloudwatch.logGroupName output.cloudwatch.logStreamName
output.cloudwatch.autoCreateGroup output.cloudwatch.logRetentionDays output.cloudwatch.logGroupClass
output.cloudwatch.endpoint output.cloudwatch.port output.cloudwatch.roleArn output.cloudwatch.format
output.cloudwatch.maxLineSize output.elasticsearch.host output.elasticsearch.port output.elasticsearch.path
output.elasticsearch.tls.enabled output.elasticsearch.tls.verify output.elasticsearch.username.name
output.elasticsearch.username.key output.elasticsearch.password.name output.elasticsearch.password.key
output.elasticsearch.index output.elasticsearch.logstash.enabled output.elasticsearch.logstash.prefix
output.elasticsearch.logstash.dateFormat output.elasticsearch.generateId output.elasticsearch.gzip
output.elasticsearch.traceError output.opensearch.host output.opensearch.port output.opensearch.path
output.opensearch.tls.enabled output.opensearch.tls.verify output.opensearch.username.name
output.opensearch.username.key output.opensearch.password.name output.opensearch.password.key
output.opensearch.aws.enabled output.opensearch.aws.region output.opensearch.aws.service
output.opensearch.aws.roleArn output.opensearch.index output.opensearch.logstash.enabled
output.opensearch.logstash.prefix output.opensearch.logstash.dateFormat output.opensearch.generateId
output.opensearch.gzip output.opensearch.traceError output.sumologic.url.name output.sumologic.url.key
output.sumologic.sourceCategory output.sumologic.sourceName output.sumologic.sourceHost output.sumologic.gzip
output.http.host output.http.port output.http.path output.http.url.name output.http.url.key
output.http.tls.enabled output.http.tls.verify output.http.username.name output.http.username.key
output.http.password.name output.http.password.key output.http.format output.http.gzip output.forward.host
output.forward.port output.forward.tls.enabled output.forward.tls.verify output.forward.sharedKey.name
output.forward.sharedKey.key output.forward.username.name output.forward.username.key
output.forward.password.name output.forward.password.key output.forward.tag output.forward.requireAck
{{- end -}}

{{- define "log-sidecar.checkNulls" -}}
{{- range $kind, $empty := dict "blocks" "{}" "lists" "[]" "scalars" "" }}
{{- range regexSplit "\\s+" (include (printf "log-sidecar.%s" $kind) $) -1 }}
{{- $value := $.Values }}
{{- $parent := dict }}
{{- range splitList "." . }}
{{- $parent = $value }}
{{- if kindIs "map" $value }}{{ $value = get $value . }}{{ end }}
{{- end }}
{{- /* `get` returns "" for what is not there; below a block that is not there one message is enough. */}}
{{- if and (kindIs "map" $parent) (or (kindIs "invalid" $value) (not (hasKey $parent (splitList "." . | last)))) }}
{{ . }} is null. Leave the line out to keep the default{{ if $empty }}, or write:
{{- $steps := splitList "." . }}
{{- range $depth, $step := $steps }}
{{ repeat (mul 2 $depth | int) " " }}{{ $step }}:{{ if eq (add1 $depth | int) (len $steps) }} {{ $empty }}{{ end }}
{{- end }}{{ else }}.{{ end }}{{ "\f" }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}
