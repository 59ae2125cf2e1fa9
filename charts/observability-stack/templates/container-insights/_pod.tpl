{{/* Pods of the CloudWatch agent. */}}

{{/* Values of the pods with their default affinity, as JSON. Argument: the root. */}}
{{- define "observability-stack.insightsPodValues" -}}
{{- $values := deepCopy .Values.containerInsights -}}
{{- if not $values.affinity -}}
{{- $term := dict "matchExpressions" (list (dict "key" "eks.amazonaws.com/compute-type" "operator" "NotIn" "values" (list "fargate"))) -}}
{{- $required := dict "requiredDuringSchedulingIgnoredDuringExecution" (dict "nodeSelectorTerms" (list $term)) -}}
{{- $_ := set $values "affinity" (dict "nodeAffinity" $required) -}}
{{- end -}}
{{- $values | toJson -}}
{{- end -}}

{{/* Environment variables. Argument: the root. */}}
{{- define "observability-stack.insightsEnv" -}}
{{- $fields := list "HOST_IP status.hostIP" "HOST_NAME spec.nodeName" "K8S_NODE_NAME spec.nodeName" "K8S_NAMESPACE metadata.namespace" -}}
{{ include "observability-stack.fieldEnv" $fields | trim }}
{{- if ne .Values.identity.type "node" }}
# Without instance metadata, the agent would assume an on-premises host and require a credentials file.
- name: RUN_WITH_IRSA
  value: "True"
{{- end }}
{{- with .Values.containerInsights.extraEnv }}{{ toYaml . | nindent 0 }}{{ end }}
{{- end -}}

{{- define "observability-stack.insightsContainer" -}}
{{- $insights := .Values.containerInsights -}}
env:
  {{- include "observability-stack.insightsEnv" . | nindent 2 }}
ports:
  - name: health
    containerPort: {{ $insights.healthPort | int }}
    {{- if $insights.hostNetwork }}
    hostPort: {{ $insights.healthPort | int }}
    {{- end }}
  {{- if $insights.applicationSignals.enabled }}
  {{- range include "observability-stack.applicationSignalsPorts" . | fromYamlArray }}
  - name: {{ .name }}
    containerPort: {{ .port | int }}
    {{- if $insights.hostNetwork }}
    hostPort: {{ .port | int }}
    {{- end }}
  {{- end }}
  {{- end }}
{{ include "observability-stack.httpProbes" (dict "values" $insights "paths" (dict "livenessProbe" "/" "readinessProbe" "/") "ports" (dict "livenessProbe" "health" "readinessProbe" "health")) | trim }}
volumeMounts:
  - name: config
    mountPath: /etc/cwagentconfig
    readOnly: true
  # The agent writes its translated configuration here. Nothing in these directories has to survive a restart.
  - name: scratch
    mountPath: /opt/aws/amazon-cloudwatch-agent/etc
    subPath: etc
  - name: scratch
    mountPath: /opt/aws/amazon-cloudwatch-agent/var
    subPath: var
  - name: scratch
    mountPath: /opt/aws/amazon-cloudwatch-agent/logs
    subPath: logs
  - name: scratch
    mountPath: /tmp
    subPath: tmp
  {{- $mounts := list "rootfs /rootfs" "sys /sys" "disks /dev/disk" "containerd /run/containerd/containerd.sock" }}
  {{- if $insights.metrics.accelerated }}{{ $mounts = append $mounts "pod-resources /var/lib/kubelet/pod-resources" }}{{ end }}
  {{- include "observability-stack.readOnlyMounts" $mounts | trim | nindent 2 }}
{{- end -}}

{{- define "observability-stack.insightsVolumes" -}}
- name: config
  configMap:
    name: {{ include "observability-stack.componentName" (dict "root" . "component" "container-insights") | quote }}
    items:
      - key: cwagentconfig.json
        path: cwagentconfig.json
      - key: health.yaml
        path: health.yaml
- name: scratch
  emptyDir:
    sizeLimit: 64Mi
{{- $volumes := list "rootfs /" "sys /sys" "disks /dev/disk" "containerd /run/containerd/containerd.sock" }}
{{- if .Values.containerInsights.metrics.accelerated }}{{ $volumes = append $volumes "pod-resources /var/lib/kubelet/pod-resources" }}{{ end }}
{{- include "observability-stack.hostVolumes" $volumes | trim | nindent 0 }}
{{- end -}}

{{/* Ports of Application Signals. */}}
{{- define "observability-stack.applicationSignalsPorts" -}}
- name: otlp-grpc
  port: 4315
- name: otlp-http
  port: 4316
- name: xray-proxy
  port: 2000
{{- end -}}

{{/*
Values of the pods on Windows nodes, as JSON. They are HostProcess containers: the agent reads the kubelet and the performance
counters of the host. Argument: the root.
*/}}
{{- define "observability-stack.insightsWindowsValues" -}}
{{- $insights := .Values.containerInsights -}}
{{- $process := dict "hostProcess" true "runAsUserName" "NT AUTHORITY\\SYSTEM" -}}
{{- merge (dict "podSecurityContext" (dict "windowsOptions" $process))
  (pick $insights "image" "podAnnotations" "podLabels" "priorityClassName" "updateStrategy")
  (pick $insights.windows "nodeSelector" "resources" "tolerations") | toJson -}}
{{- end -}}

{{- define "observability-stack.insightsWindowsContainer" -}}
workingDir: '%CONTAINER_SANDBOX_MOUNT_POINT%\Program Files\Amazon\AmazonCloudWatchAgent'
env:
  {{- include "observability-stack.insightsEnv" . | nindent 2 }}
  - name: RUN_IN_CONTAINER
    value: "True"
  - name: RUN_AS_HOST_PROCESS_CONTAINER
    value: "True"
volumeMounts:
  - name: config
    mountPath: 'C:\Program Files\Amazon\AmazonCloudWatchAgent\cwagentconfig'
    readOnly: true
{{- end -}}

{{- define "observability-stack.insightsWindowsVolumes" -}}
- name: config
  configMap:
    name: {{ include "observability-stack.componentName" (dict "root" . "component" "container-insights") | quote }}
    items:
      - key: windows.json
        path: cwagentconfig.json
{{- end -}}
