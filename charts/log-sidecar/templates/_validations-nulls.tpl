{{/*
A value that a values file sets to null is gone, and the first template that reads it would stop with a nil pointer.
Only when all are there do the other checks run. Values that may be null are not listed.
*/}}
{{- define "log-sidecar.blocks" -}}
global commonLabels commonAnnotations app app.demo app.image app.startupProbe app.livenessProbe
app.readinessProbe app.lifecycle app.resources app.securityContext app.tmp app.updateStrategy app.job
app.cronJob app.service app.service.annotations app.service.labels app.serviceAccount
app.serviceAccount.annotations logs logs.volume logs.volume.emptyDir logs.volume.persistentVolumeClaim
logs.volume.persistentVolumeClaim.annotations logs.volume.existing sidecar sidecar.resources
sidecar.securityContext sidecar.startupProbe sidecar.livenessProbe sidecar.readinessProbe sidecar.state
sidecar.fluentBit sidecar.fluentBit.image sidecar.fluentBit.metrics sidecar.tail sidecar.tail.image podLabels
injection injection.namespaceSelector injection.volume injection.profiles injection.profiles.default
podAnnotations podSecurityContext nodeSelector affinity podDisruptionBudget tests
{{- end -}}

{{- define "log-sidecar.lists" -}}
global.imagePullSecrets imagePullSecrets app.command app.args app.env app.extraEnv app.envFrom app.extraEnvFrom
app.ports app.extraVolumeMounts app.service.ports app.service.loadBalancerSourceRanges logs.files
logs.volume.persistentVolumeClaim.accessModes sidecar.extraEnv sidecar.extraEnvFrom sidecar.extraVolumeMounts
injection.excludeNamespaces tolerations topologySpreadConstraints extraVolumes extraInitContainers
extraContainers extraObjects
{{- end -}}

{{- define "log-sidecar.scalars" -}}
global.imageRegistry nameOverride fullnameOverride app.enabled app.kind app.name app.demo.enabled
app.demo.linesPerRequest app.demo.jobLines app.demo.rotateBytes app.demo.rotateKeep app.image.registry
app.image.repository app.image.tag app.image.digest app.image.pullPolicy app.workingDir app.tmp.enabled
app.tmp.sizeLimit app.revisionHistoryLimit app.restartPolicy app.job.backoffLimit app.job.completions
app.job.parallelism app.cronJob.schedule app.cronJob.timeZone app.cronJob.concurrencyPolicy app.cronJob.suspend
app.cronJob.successfulJobsHistoryLimit app.cronJob.failedJobsHistoryLimit app.service.enabled app.service.type
app.service.loadBalancerClass app.service.externalTrafficPolicy app.serviceAccount.create
app.serviceAccount.name app.serviceAccount.automount logs.directory logs.multilineSeparator logs.volume.type
logs.volume.emptyDir.sizeLimit logs.volume.emptyDir.medium logs.volume.persistentVolumeClaim.existingClaim
logs.volume.persistentVolumeClaim.storageClassName logs.volume.persistentVolumeClaim.size
logs.volume.existing.name logs.volume.existing.subPath sidecar.enabled sidecar.name sidecar.engine
sidecar.native sidecar.perFile sidecar.fileLabel sidecar.drainSeconds sidecar.quietSeconds sidecar.logLevel
sidecar.startupProbe.enabled sidecar.livenessProbe.enabled sidecar.readinessProbe.enabled
sidecar.state.sizeLimit sidecar.state.medium sidecar.fluentBit.image.registry sidecar.fluentBit.image.repository
sidecar.fluentBit.image.tag sidecar.fluentBit.image.digest sidecar.fluentBit.image.pullPolicy
sidecar.fluentBit.binary sidecar.fluentBit.metrics.listen sidecar.fluentBit.metrics.port
sidecar.fluentBit.flushSeconds sidecar.fluentBit.refreshMilliseconds sidecar.fluentBit.maxLineSize
sidecar.fluentBit.maxChunksUp sidecar.tail.image.registry sidecar.tail.image.repository sidecar.tail.image.tag
sidecar.tail.image.digest sidecar.tail.image.pullPolicy injection.enabled injection.annotationPrefix
injection.name injection.runAsUser injection.runAsGroup injection.volume.sizeLimit terminationGracePeriodSeconds
priorityClassName runtimeClassName podDisruptionBudget.enabled podDisruptionBudget.minAvailable
podDisruptionBudget.maxUnavailable tests.enabled
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
