{{/* Pods of the CloudWatch agent. */}}

{{- define "observability-stack.insightsEnv" -}}
- {name: HOST_IP, valueFrom: {fieldRef: {fieldPath: status.hostIP}}}
- {name: HOST_NAME, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}
- {name: K8S_NODE_NAME, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}
- {name: K8S_NAMESPACE, valueFrom: {fieldRef: {fieldPath: metadata.namespace}}}
{{- include "observability-stack.awsEnv" . }}
{{- if ne .Values.identity.type "node" }}
# Without instance metadata, the agent would assume an on-premises host and require a credentials file.
- {name: RUN_WITH_IRSA, value: "True"}
{{- end }}
{{- end -}}

{{- define "observability-stack.insightsPod" -}}
{{- $insights := .Values.containerInsights -}}
{{- $ports := list (dict "name" "health" "port" $insights.healthPort) -}}
{{- if $insights.applicationSignals.enabled }}{{ $ports = concat $ports (include "observability-stack.applicationSignalsPorts" . | fromYamlArray) }}{{ end -}}
annotations:
  checksum/config: {{ include "observability-stack.insightsData" . | sha256sum }}
token: true
env:
  {{- include "observability-stack.insightsEnv" . | nindent 2 }}
ports:
  {{- range $ports }}
  - {name: {{ .name }}, containerPort: {{ .port | int }}{{ if $insights.hostNetwork }}, hostPort: {{ .port | int }}{{ end }}}
  {{- end }}
handlers:
  livenessProbe: {httpGet: {path: /, port: health}}
  readinessProbe: {httpGet: {path: /, port: health}}
volumes:
  - name: config
    mounts: [{mountPath: /etc/cwagentconfig, readOnly: true}]
    configMap:
      name: {{ include "observability-stack.componentName" (dict "root" . "component" "container-insights") | quote }}
      items: [{key: cwagentconfig.json, path: cwagentconfig.json}, {key: health.yaml, path: health.yaml}]
  # The agent writes its translated configuration here. Nothing in these directories has to survive a restart.
  - name: scratch
    mounts:
      - {mountPath: /opt/aws/amazon-cloudwatch-agent/etc, subPath: etc}
      - {mountPath: /opt/aws/amazon-cloudwatch-agent/var, subPath: var}
      - {mountPath: /opt/aws/amazon-cloudwatch-agent/logs, subPath: logs}
      - {mountPath: /tmp, subPath: tmp}
    emptyDir: {sizeLimit: 64Mi}
  - {name: rootfs, mounts: [{mountPath: /rootfs, readOnly: true}], hostPath: {path: /}}
  - {name: sys, mounts: [{mountPath: /sys, readOnly: true}], hostPath: {path: /sys}}
  - {name: disks, mounts: [{mountPath: /dev/disk, readOnly: true}], hostPath: {path: /dev/disk}}
  - name: containerd
    mounts: [{mountPath: /run/containerd/containerd.sock, readOnly: true}]
    hostPath: {path: /run/containerd/containerd.sock}
  {{- if $insights.metrics.accelerated }}
  - name: pod-resources
    mounts: [{mountPath: /var/lib/kubelet/pod-resources, readOnly: true}]
    hostPath: {path: /var/lib/kubelet/pod-resources}
  # The agent has this path compiled in.
  - name: exporter-ca
    mounts: [{mountPath: /etc/amazon-cloudwatch-observability-agent-cert, readOnly: true}]
    secret:
      secretName: {{ $insights.exporterCaSecret.name | quote }}
      items: [{key: {{ $insights.exporterCaSecret.key | quote }}, path: tls-ca.crt}]
  {{- end }}
{{- end -}}

{{- define "observability-stack.applicationSignalsPorts" -}}
- {name: otlp-grpc, port: 4315}
- {name: otlp-http, port: 4316}
- {name: xray-proxy, port: 2000}
{{- end -}}

{{- define "observability-stack.insightsIngress" -}}
{{- $insights := .Values.containerInsights -}}
{{- if $insights.applicationSignals.enabled -}}
{{- $ports := include "observability-stack.applicationSignalsPorts" . | fromYamlArray -}}
{{- include "observability-stack.signalIngress" (dict "ports" $ports "proxy" "xray-proxy" "from" $insights.networkPolicy.proxyFrom) -}}
{{- end -}}
{{- end -}}

{{/* Values of the pods on Windows nodes, as JSON. */}}
{{- define "observability-stack.insightsWindowsValues" -}}
{{- $insights := .Values.containerInsights -}}
{{- merge (include "observability-stack.hostProcess" . | fromJson)
  (pick $insights "image" "podAnnotations" "podLabels" "priorityClassName" "updateStrategy")
  (pick $insights.windows "nodeSelector" "resources" "tolerations") | toJson -}}
{{- end -}}

{{- define "observability-stack.insightsWindowsPod" -}}
annotations:
  checksum/config: {{ include "observability-stack.insightsData" . | sha256sum }}
token: true
workingDir: '%CONTAINER_SANDBOX_MOUNT_POINT%\Program Files\Amazon\AmazonCloudWatchAgent'
env:
  {{- include "observability-stack.insightsEnv" . | nindent 2 }}
  {{- with .Values.containerInsights.extraEnv }}{{ toYaml . | nindent 2 }}{{ end }}
  - {name: RUN_IN_CONTAINER, value: "True"}
  - {name: RUN_AS_HOST_PROCESS_CONTAINER, value: "True"}
volumes:
  - name: config
    mounts: [{mountPath: 'C:\Program Files\Amazon\AmazonCloudWatchAgent\cwagentconfig', readOnly: true}]
    configMap:
      name: {{ include "observability-stack.componentName" (dict "root" . "component" "container-insights") | quote }}
      items: [{key: windows.json, path: cwagentconfig.json}]
{{- end -}}
