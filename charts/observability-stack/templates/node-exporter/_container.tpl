{{- define "observability-stack.nodeExporterContainer" -}}
{{- $values := .Values.nodeExporter -}}
args:
  - --path.procfs=/host/proc
  - --path.sysfs=/host/sys
  - --path.rootfs=/host/root
  - --path.udev.data=/host/root/run/udev/data
  - --web.listen-address={{ if $values.hostNetwork }}[$(HOST_IP)]{{ end }}:{{ $values.port | int }}
  # Exclude file systems and network devices of pods: each pod would add series that say nothing about the node.
  - --collector.filesystem.mount-points-exclude=^/(dev|proc|sys|run/.+|var/lib/(kubelet|containerd|containers|docker)/.+)($|/)
  - --collector.filesystem.fs-types-exclude=^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fusectl|hugetlbfs|iso9660|mqueue|nsfs|proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|sysfs|tmpfs|tracefs)$
  - --collector.netclass.ignored-devices=^(veth.*|eni.*|cali.*|lxc.*)$
  - --collector.netdev.device-exclude=^(veth.*|eni.*|cali.*|lxc.*)$
  {{- with $values.extraArgs }}{{ toYaml . | nindent 2 }}{{ end }}
env:
  {{- include "observability-stack.fieldEnv" (list "HOST_IP status.hostIP") | trim | nindent 2 }}
ports:
  - name: http
    containerPort: {{ $values.port | int }}
    {{- if $values.hostNetwork }}
    hostPort: {{ $values.port | int }}
    {{- end }}
{{ include "observability-stack.httpProbes" (dict "values" $values "paths" (dict "livenessProbe" "/" "readinessProbe" "/")) | trim }}
volumeMounts:
  {{- include "observability-stack.readOnlyMounts" (list "proc /host/proc" "sys /host/sys" "root /host/root") | trim | nindent 2 }}
    # Include file systems that the host mounts later.
    mountPropagation: HostToContainer
{{- end -}}

{{- define "observability-stack.nodeExporterVolumes" -}}
{{ include "observability-stack.hostVolumes" (list "proc /proc" "sys /sys" "root /") | trim }}
{{- end -}}
