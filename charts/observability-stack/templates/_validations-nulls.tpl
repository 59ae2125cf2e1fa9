{{/* The values that must not be null; those that may be are not listed. */}}
{{- define "observability-stack.checkNulls" -}}
{{- include "eks-common.checkNulls" (dict "root" . "blocks" (include "observability-stack.blocks" .) "lists" (include "observability-stack.lists" .) "scalars" (include "observability-stack.scalars" .)) -}}
{{- end -}}

{{- define "observability-stack.blocks" -}}
global commonLabels commonAnnotations cluster identity serviceAccounts serviceAccounts.server
serviceAccounts.server.annotations rbac networkPolicy server server.image server.externalLabels server.retention
server.wal server.persistence server.persistence.annotations server.service server.service.annotations
server.networkPolicy server.podDisruptionBudget server.podLabels server.podAnnotations server.podSecurityContext
server.securityContext server.resources server.startupProbe server.livenessProbe server.readinessProbe
server.nodeSelector server.affinity scrape scrape.allowList scrape.jobs scrape.kubelet scrape.limits rules
rules.files rules.labels
{{- end -}}

{{- define "observability-stack.lists" -}}
global.imagePullSecrets imagePullSecrets server.remoteWrite server.persistence.accessModes server.networkPolicy.from
server.extraArgs server.extraEnv server.extraEnvFrom server.extraVolumes server.extraVolumeMounts server.tolerations
server.topologySpreadConstraints scrape.podLabels scrape.extraConfigs rules.disabledAlerts
rules.groups extraObjects
{{- end -}}

{{- define "observability-stack.scalars" -}}
global.imageRegistry nameOverride fullnameOverride cluster.name cluster.region identity.type identity.roleArn
serviceAccounts.server.create serviceAccounts.server.name rbac.create networkPolicy.enabled server.enabled
server.mode server.image.registry server.image.repository server.image.tag server.image.digest
server.image.pullPolicy server.replicas server.shards server.logLevel server.retention.time server.retention.size
server.wal.maxTime server.persistence.type server.persistence.size server.persistence.storageClassName
server.persistence.emptyDirSize server.service.port server.podDisruptionBudget.enabled
server.podDisruptionBudget.maxUnavailable server.startupProbe.enabled server.startupProbe.periodSeconds
server.startupProbe.failureThreshold server.livenessProbe.enabled server.livenessProbe.periodSeconds
server.livenessProbe.timeoutSeconds server.livenessProbe.failureThreshold server.readinessProbe.enabled
server.readinessProbe.periodSeconds server.readinessProbe.timeoutSeconds server.terminationGracePeriodSeconds
server.priorityClassName scrape.interval scrape.timeout scrape.allowList.enabled scrape.jobs.kubelet
scrape.jobs.cadvisor scrape.jobs.apiserver scrape.jobs.prometheus scrape.jobs.endpoints scrape.jobs.pods
scrape.kubelet.insecureSkipVerify scrape.limits.samples scrape.limits.labels rules.enabled
rules.files.nodes rules.files.workloads rules.files.volumes rules.files.prometheus rules.files.remoteWrite
rules.files.alertmanager rules.files.logs
{{- end -}}
