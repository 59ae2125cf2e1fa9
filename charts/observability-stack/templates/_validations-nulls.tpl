{{/* The values that must not be null; those that may be are not listed. */}}
{{- define "observability-stack.checkNulls" -}}
{{- include "observability-stack.nullMessages" (dict "root" . "blocks" (include "observability-stack.blocks" .) "lists" (include "observability-stack.lists" .) "scalars" (include "observability-stack.scalars" .)) -}}
{{- end -}}

{{- define "observability-stack.blocks" -}}
global commonLabels commonAnnotations cluster identity identity.roleArns serviceAccounts serviceAccounts.server
serviceAccounts.server.annotations serviceAccounts.kubeStateMetrics serviceAccounts.kubeStateMetrics.annotations
serviceAccounts.nodeExporter serviceAccounts.nodeExporter.annotations serviceAccounts.alertmanager
serviceAccounts.alertmanager.annotations serviceAccounts.pushgateway serviceAccounts.pushgateway.annotations serviceAccounts.traces serviceAccounts.traces.annotations
serviceAccounts.containerInsights serviceAccounts.containerInsights.annotations serviceAccounts.logs
serviceAccounts.logs.annotations serviceAccounts.events serviceAccounts.events.annotations rbac metrics
networkPolicy server server.image server.queue server.externalLabels server.retention server.wal server.persistence
server.persistence.annotations server.service server.service.annotations server.networkPolicy
server.podDisruptionBudget server.podLabels server.podAnnotations server.podSecurityContext server.securityContext
server.resources server.startupProbe server.livenessProbe server.readinessProbe server.nodeSelector server.affinity
scrape scrape.allowList scrape.jobs scrape.kubelet scrape.limits kubeStateMetrics kubeStateMetrics.image
kubeStateMetrics.podLabels kubeStateMetrics.podAnnotations kubeStateMetrics.podSecurityContext
kubeStateMetrics.securityContext kubeStateMetrics.resources kubeStateMetrics.livenessProbe
kubeStateMetrics.readinessProbe kubeStateMetrics.nodeSelector kubeStateMetrics.affinity nodeExporter
nodeExporter.image nodeExporter.updateStrategy nodeExporter.podLabels nodeExporter.podAnnotations
nodeExporter.podSecurityContext nodeExporter.securityContext nodeExporter.resources nodeExporter.livenessProbe
nodeExporter.readinessProbe nodeExporter.nodeSelector nodeExporter.affinity alertmanager alertmanager.image
alertmanager.config alertmanager.config.route alertmanager.persistence alertmanager.persistence.annotations
alertmanager.service alertmanager.service.annotations alertmanager.networkPolicy alertmanager.podLabels
alertmanager.podAnnotations alertmanager.podSecurityContext alertmanager.securityContext alertmanager.resources
alertmanager.livenessProbe alertmanager.readinessProbe alertmanager.nodeSelector alertmanager.affinity pushgateway
pushgateway.image pushgateway.persistence pushgateway.service pushgateway.service.annotations
pushgateway.networkPolicy pushgateway.podLabels pushgateway.podAnnotations pushgateway.podSecurityContext
pushgateway.securityContext pushgateway.resources pushgateway.livenessProbe pushgateway.readinessProbe
pushgateway.nodeSelector pushgateway.affinity traces
containerInsights containerInsights.image containerInsights.metrics containerInsights.applicationSignals
containerInsights.networkPolicy
containerInsights.addOn containerInsights.windows containerInsights.windows.resources
containerInsights.windows.nodeSelector containerInsights.updateStrategy containerInsights.podLabels
containerInsights.podAnnotations containerInsights.podSecurityContext containerInsights.securityContext
containerInsights.resources containerInsights.livenessProbe containerInsights.readinessProbe
containerInsights.nodeSelector containerInsights.affinity
logs events events.image logs.fluentd logs.fluentd.image logs.fluentd.configMap logs.fluentd.resources events.namespaces events.persistence
events.persistence.annotations events.networkPolicy events.podLabels events.podAnnotations events.podSecurityContext
events.securityContext events.resources events.livenessProbe events.readinessProbe events.nodeSelector events.affinity rules rules.files rules.labels dashboards dashboards.annotations
traces.xrayDaemon traces.xrayDaemon.image traces.xrayDaemon.resources traces.otel traces.otel.image
traces.otel.resources traces.service traces.service.annotations traces.networkPolicy traces.updateStrategy
traces.podLabels traces.podAnnotations traces.podSecurityContext traces.securityContext traces.livenessProbe
traces.readinessProbe traces.nodeSelector traces.affinity
logs.image logs.application logs.application.namespaces logs.dataplane logs.host logs.metadata logs.output
logs.output.cloudwatch logs.output.opensearch logs.output.elasticsearch logs.output.firehose logs.output.s3
logs.output.http logs.output.secret logs.http logs.health logs.state logs.networkPolicy logs.podLabels
logs.podAnnotations logs.podSecurityContext logs.securityContext logs.resources logs.livenessProbe
logs.readinessProbe logs.updateStrategy logs.nodeSelector logs.affinity
{{- end -}}

{{- define "observability-stack.lists" -}}
global.imagePullSecrets imagePullSecrets server.remoteWrite server.persistence.accessModes server.networkPolicy.from
server.extraArgs server.extraEnv server.extraEnvFrom server.extraVolumes server.extraVolumeMounts server.tolerations
server.topologySpreadConstraints scrape.allowList.keep scrape.podLabels scrape.extraConfigs
kubeStateMetrics.resourceKinds kubeStateMetrics.labelsAllowlist kubeStateMetrics.extraArgs
kubeStateMetrics.tolerations kubeStateMetrics.topologySpreadConstraints nodeExporter.extraArgs
nodeExporter.tolerations alertmanager.config.route.group_by alertmanager.config.receivers
alertmanager.persistence.accessModes alertmanager.networkPolicy.from alertmanager.extraVolumes
alertmanager.extraVolumeMounts alertmanager.extraArgs alertmanager.tolerations
alertmanager.topologySpreadConstraints pushgateway.networkPolicy.from pushgateway.extraArgs pushgateway.tolerations
pushgateway.topologySpreadConstraints rules.disabledAlerts rules.groups extraObjects
containerInsights.windows.tolerations containerInsights.tolerations containerInsights.extraEnv
events.types events.namespaces.include events.namespaces.exclude
events.excludeReasons events.persistence.accessModes events.networkPolicy.from events.extraEnv events.extraVolumes
events.extraVolumeMounts events.tolerations events.topologySpreadConstraints
traces.xrayDaemon.extraArgs traces.otel.extraArgs traces.otel.indexedAttributes traces.networkPolicy.proxyFrom
containerInsights.networkPolicy.proxyFrom
traces.extraEnv traces.tolerations
logs.application.namespaces.include logs.application.namespaces.exclude logs.application.multiline
logs.dataplane.journal logs.dataplane.pods logs.host.journal logs.host.files logs.extraFilters
logs.networkPolicy.from logs.extraEnv logs.extraEnvFrom logs.extraVolumes logs.extraVolumeMounts logs.tolerations
{{- end -}}

{{- define "observability-stack.scalars" -}}
global.imageRegistry nameOverride fullnameOverride cluster.name cluster.region identity.type identity.roleArn
identity.roleArns.traces identity.roleArns.containerInsights identity.roleArns.logs identity.roleArns.events
serviceAccounts.server.create serviceAccounts.server.name serviceAccounts.kubeStateMetrics.create
serviceAccounts.kubeStateMetrics.name serviceAccounts.nodeExporter.create serviceAccounts.nodeExporter.name
serviceAccounts.alertmanager.create serviceAccounts.alertmanager.name serviceAccounts.pushgateway.create
serviceAccounts.pushgateway.name serviceAccounts.traces.create serviceAccounts.traces.name
serviceAccounts.containerInsights.create serviceAccounts.containerInsights.name serviceAccounts.logs.create
serviceAccounts.logs.name serviceAccounts.events.create serviceAccounts.events.name rbac.create networkPolicy.enabled
metrics.enabled traces.enabled containerInsights.enabled containerInsights.installer
containerInsights.image.registry containerInsights.image.repository containerInsights.image.tag
containerInsights.image.digest containerInsights.image.pullPolicy containerInsights.metrics.enhanced
containerInsights.metrics.accelerated containerInsights.metrics.extract containerInsights.interval
containerInsights.flushInterval containerInsights.preferFullPodName containerInsights.tagService
containerInsights.applicationSignals.enabled containerInsights.endpoint containerInsights.dualStack
containerInsights.debug containerInsights.hostNetwork containerInsights.healthPort
containerInsights.addOn.containerLogs containerInsights.windows.enabled containerInsights.livenessProbe.enabled
containerInsights.livenessProbe.initialDelaySeconds containerInsights.livenessProbe.periodSeconds
containerInsights.livenessProbe.timeoutSeconds containerInsights.livenessProbe.failureThreshold
containerInsights.readinessProbe.enabled containerInsights.readinessProbe.periodSeconds
containerInsights.readinessProbe.timeoutSeconds containerInsights.priorityClassName
logs.enabled events.enabled server.enabled server.mode server.image.registry
server.image.repository server.image.tag server.image.digest server.image.pullPolicy server.queue.samplesPerSecond
server.queue.latencyMilliseconds server.replicas server.shards server.logLevel server.retention.time
server.retention.size server.wal.maxTime server.persistence.type server.persistence.size
server.persistence.storageClassName server.persistence.emptyDirSize server.service.port
server.podDisruptionBudget.enabled server.podDisruptionBudget.maxUnavailable server.startupProbe.enabled
server.startupProbe.periodSeconds server.startupProbe.failureThreshold server.livenessProbe.enabled
server.livenessProbe.periodSeconds server.livenessProbe.timeoutSeconds server.livenessProbe.failureThreshold
server.readinessProbe.enabled server.readinessProbe.periodSeconds server.readinessProbe.timeoutSeconds
server.terminationGracePeriodSeconds server.priorityClassName scrape.interval scrape.timeout
scrape.allowList.enabled scrape.jobs.kubelet scrape.jobs.cadvisor scrape.jobs.apiserver scrape.jobs.nodeExporter
scrape.jobs.kubeStateMetrics scrape.jobs.prometheus scrape.jobs.alertmanager scrape.jobs.pushgateway
scrape.jobs.endpoints scrape.jobs.pods scrape.kubelet.insecureSkipVerify scrape.limits.samples scrape.limits.labels
kubeStateMetrics.enabled kubeStateMetrics.image.registry kubeStateMetrics.image.repository
kubeStateMetrics.image.tag kubeStateMetrics.image.digest kubeStateMetrics.image.pullPolicy
kubeStateMetrics.livenessProbe.enabled kubeStateMetrics.livenessProbe.periodSeconds
kubeStateMetrics.livenessProbe.timeoutSeconds kubeStateMetrics.readinessProbe.enabled
kubeStateMetrics.readinessProbe.periodSeconds kubeStateMetrics.readinessProbe.timeoutSeconds
kubeStateMetrics.priorityClassName nodeExporter.enabled nodeExporter.image.registry nodeExporter.image.repository
nodeExporter.image.tag nodeExporter.image.digest nodeExporter.image.pullPolicy nodeExporter.port
nodeExporter.hostNetwork nodeExporter.livenessProbe.enabled nodeExporter.livenessProbe.periodSeconds
nodeExporter.livenessProbe.timeoutSeconds nodeExporter.readinessProbe.enabled
nodeExporter.readinessProbe.periodSeconds nodeExporter.readinessProbe.timeoutSeconds nodeExporter.priorityClassName
alertmanager.enabled alertmanager.image.registry alertmanager.image.repository alertmanager.image.tag
alertmanager.image.digest alertmanager.image.pullPolicy alertmanager.config.route.receiver
alertmanager.existingSecret alertmanager.retention alertmanager.persistence.type alertmanager.persistence.size
alertmanager.persistence.storageClassName alertmanager.persistence.emptyDirSize alertmanager.service.port
alertmanager.livenessProbe.enabled alertmanager.livenessProbe.periodSeconds
alertmanager.livenessProbe.timeoutSeconds alertmanager.readinessProbe.enabled
alertmanager.readinessProbe.periodSeconds alertmanager.readinessProbe.timeoutSeconds alertmanager.priorityClassName
pushgateway.enabled pushgateway.image.registry pushgateway.image.repository pushgateway.image.tag
pushgateway.image.digest pushgateway.image.pullPolicy pushgateway.persistence.size pushgateway.service.port
pushgateway.livenessProbe.enabled pushgateway.livenessProbe.periodSeconds pushgateway.livenessProbe.timeoutSeconds
pushgateway.readinessProbe.enabled pushgateway.readinessProbe.periodSeconds
pushgateway.readinessProbe.timeoutSeconds pushgateway.priorityClassName rules.enabled rules.files.nodes
rules.files.workloads rules.files.volumes rules.files.prometheus rules.files.remoteWrite rules.files.alertmanager
rules.files.logs dashboards.enabled dashboards.label dashboards.labelValue dashboards.folder
dashboards.folderAnnotation logs.fluentd.image.registry logs.fluentd.image.repository logs.fluentd.image.tag logs.fluentd.image.digest
logs.fluentd.image.pullPolicy logs.fluentd.configMap.create logs.fluentd.configMap.name logs.fluentd.user logs.fluentd.port
events.image.registry events.image.repository events.image.tag events.image.digest
events.image.pullPolicy events.lookbackMinutes events.group events.retentionDays events.groupClass
events.bufferSize events.logLevel events.persistence.type events.persistence.size
events.persistence.storageClassName events.persistence.emptyDirSize events.livenessProbe.enabled
events.livenessProbe.periodSeconds events.livenessProbe.timeoutSeconds events.livenessProbe.failureThreshold
events.readinessProbe.enabled events.readinessProbe.periodSeconds events.readinessProbe.timeoutSeconds
events.priorityClassName
traces.engine traces.endpoint traces.logLevel traces.xrayDaemon.image.registry traces.xrayDaemon.image.repository
traces.xrayDaemon.image.tag traces.xrayDaemon.image.digest traces.xrayDaemon.image.pullPolicy
traces.xrayDaemon.bufferMegabytes traces.otel.image.registry traces.otel.image.repository traces.otel.image.tag
traces.otel.image.digest traces.otel.image.pullPolicy traces.otel.memoryLimitMegabytes traces.service.name
traces.hostPort traces.livenessProbe.enabled traces.livenessProbe.periodSeconds traces.livenessProbe.timeoutSeconds
traces.readinessProbe.enabled traces.readinessProbe.periodSeconds traces.readinessProbe.timeoutSeconds
traces.priorityClassName
logs.engine logs.image.registry logs.image.repository logs.image.tag logs.image.digest logs.image.pullPolicy
logs.application.enabled logs.application.group logs.application.groupPerNamespace logs.application.retentionDays
logs.application.groupClass logs.application.parseJson logs.application.rateLimit logs.application.bufferSize
logs.dataplane.enabled logs.dataplane.group logs.dataplane.retentionDays logs.dataplane.groupClass
logs.dataplane.rateLimit logs.dataplane.bufferSize logs.host.enabled logs.host.group logs.host.retentionDays
logs.host.groupClass logs.host.rateLimit logs.host.bufferSize logs.journalPath logs.readFrom logs.refreshSeconds
logs.maxLineSize logs.joinParts logs.metadata.from logs.metadata.labels logs.metadata.annotations logs.metadata.refreshSeconds
logs.metadata.insecureSkipVerify logs.output.type logs.output.retries logs.output.roleArn logs.output.externalId
logs.output.endpoint logs.output.stsEndpoint logs.output.cloudwatch.createGroups
logs.output.cloudwatch.streamPrefix logs.output.opensearch.host logs.output.opensearch.port
logs.output.opensearch.index logs.output.opensearch.awsAuth logs.output.opensearch.awsService
logs.output.opensearch.generateId logs.output.elasticsearch.generateId
logs.output.elasticsearch.host logs.output.elasticsearch.port logs.output.elasticsearch.index
logs.output.elasticsearch.tls logs.output.firehose.deliveryStream logs.output.s3.bucket logs.output.s3.keyFormat
logs.output.s3.totalFileSize logs.output.s3.uploadTimeoutMinutes logs.output.http.host logs.output.http.port
logs.output.http.uri logs.output.http.tls logs.output.secret.name logs.output.secret.userKey
logs.output.secret.passwordKey logs.logLevel logs.flushSeconds logs.maxChunksUp logs.http.listen logs.http.port
logs.health.errors logs.health.retryFailures logs.health.periodSeconds logs.state.hostPath
logs.livenessProbe.enabled logs.livenessProbe.periodSeconds logs.livenessProbe.timeoutSeconds
logs.livenessProbe.failureThreshold logs.readinessProbe.enabled logs.readinessProbe.periodSeconds
logs.readinessProbe.timeoutSeconds logs.terminationGracePeriodSeconds logs.priorityClassName
{{- end -}}
