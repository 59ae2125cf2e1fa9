{{/* The values that must not be null; those that may be are not listed. */}}
{{- define "fluent-bit-windows.checkNulls" -}}
{{- include "fluent-bit-windows.nullMessages" (dict "root" . "blocks" (include "fluent-bit-windows.blocks" .) "lists" (include "fluent-bit-windows.lists" .) "scalars" (include "fluent-bit-windows.scalars" .)) -}}
{{- end -}}

{{- define "fluent-bit-windows.blocks" -}}
global commonLabels commonAnnotations image legacy legacy.image windows hostProcess cluster cluster.configMap
cluster.configMap.keys inputs inputs.containerLogs inputs.containerLogs.namespaces inputs.eventLog inputs.services
routing output output.cloudwatch output.opensearch output.firehose output.s3 output.http output.forward output.secret
identity serviceAccount serviceAccount.annotations rbac http health state buffer podLabels podAnnotations
podSecurityContext resources startupProbe livenessProbe readinessProbe updateStrategy nodeSelector affinity
workloadDefaults workloadDefaults.startupProbe workloadDefaults.livenessProbe workloadDefaults.readinessProbe
workloadDefaults.resources workloadDefaults.logMonitor workloadDefaults.service workloadDefaults.service.annotations
workloadDefaults.autoscaling workloadDefaults.podDisruptionBudget workloadDefaults.updateStrategy
workloadDefaults.nodeSelector workloadDefaults.affinity workloadDefaults.podLabels workloadDefaults.podAnnotations
{{- end -}}

{{- define "fluent-bit-windows.lists" -}}
global.imagePullSecrets imagePullSecrets windows.builds windows.runtimes inputs.containerLogs.multiline
inputs.containerLogs.namespaces.include inputs.containerLogs.namespaces.exclude inputs.eventLog.channels
inputs.services.directories inputs.services.channels extraFilters routing.list extraEnv extraEnvFrom extraVolumes
extraVolumeMounts tolerations extraObjects
workloads workloadDefaults.command workloadDefaults.args workloadDefaults.env workloadDefaults.envFrom
workloadDefaults.ports workloadDefaults.logMonitor.sources workloadDefaults.service.ports
workloadDefaults.tolerations workloadDefaults.topologySpreadConstraints workloadDefaults.extraVolumes
workloadDefaults.extraVolumeMounts
{{- end -}}

{{- define "fluent-bit-windows.scalars" -}}
global.imageRegistry nameOverride fullnameOverride mode profile image.registry image.repository image.tag
image.digest image.pullPolicy legacy.image.registry legacy.image.repository legacy.image.tag legacy.image.digest
legacy.image.pullPolicy hostProcess.runAsUserName cluster.name cluster.region cluster.configMap.name
cluster.configMap.keys.clusterName cluster.configMap.keys.region cluster.configMap.keys.httpServer
cluster.configMap.keys.httpPort cluster.configMap.keys.readFromHead cluster.configMap.keys.readFromTail readFrom
inputs.containerLogs.enabled inputs.containerLogs.maxLineSize inputs.containerLogs.refreshSeconds
inputs.containerLogs.rotateWaitSeconds inputs.containerLogs.parseJson inputs.eventLog.enabled inputs.eventLog.query
inputs.eventLog.intervalSeconds inputs.services.enabled metadata routing.mode routing.prefix routing.groupTemplate
routing.fallbackGroup routing.staticGroup routing.eventLogGroup routing.servicesGroup output.type output.retries
output.roleArn output.externalId output.endpoint output.stsEndpoint output.cloudwatch.createGroups
output.cloudwatch.retentionDays output.cloudwatch.groupClass output.cloudwatch.streamTemplate
output.cloudwatch.streamPrefix output.opensearch.host output.opensearch.port output.opensearch.index
output.opensearch.awsAuth output.opensearch.awsService output.opensearch.generateId output.firehose.deliveryStream output.s3.bucket
output.s3.keyFormat output.s3.totalFileSize output.s3.uploadTimeoutMinutes output.http.host output.http.port
output.http.uri output.http.tls output.forward.host output.forward.port output.forward.tls output.secret.name
output.secret.userKey output.secret.passwordKey identity.type identity.roleArn identity.allowPodIdentity
serviceAccount.create serviceAccount.name rbac.create logLevel flushSeconds http.listen http.port health.errors
health.retryFailures health.periodSeconds state.hostPath buffer.type buffer.memoryLimit buffer.maxChunksUp
startupProbe.enabled livenessProbe.enabled readinessProbe.enabled revisionHistoryLimit
terminationGracePeriodSeconds priorityClassName
workloadDefaults.build workloadDefaults.replicas workloadDefaults.user workloadDefaults.logMonitor.from
workloadDefaults.logMonitor.folder workloadDefaults.logMonitor.logFormat workloadDefaults.service.enabled
workloadDefaults.service.type workloadDefaults.service.loadBalancerClass workloadDefaults.autoscaling.enabled
workloadDefaults.autoscaling.minReplicas workloadDefaults.autoscaling.maxReplicas
workloadDefaults.autoscaling.cpuPercent workloadDefaults.autoscaling.memoryPercent
workloadDefaults.podDisruptionBudget.enabled workloadDefaults.podDisruptionBudget.minAvailable
workloadDefaults.podDisruptionBudget.maxUnavailable workloadDefaults.revisionHistoryLimit
workloadDefaults.serviceAccountName workloadDefaults.priorityClassName
workloadDefaults.terminationGracePeriodSeconds
{{- end -}}
