{{- define "observability-stack.nodeExporterPod" -}}
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
env:
  - {name: HOST_IP, valueFrom: {fieldRef: {fieldPath: status.hostIP}}}
ports:
  - {name: http, containerPort: {{ $values.port | int }}{{ if $values.hostNetwork }}, hostPort: {{ $values.port | int }}{{ end }}}
handlers:
  livenessProbe: {httpGet: {path: /, port: http}}
  readinessProbe: {httpGet: {path: /, port: http}}
volumes:
  - {name: proc, mounts: [{mountPath: /host/proc, readOnly: true}], hostPath: {path: /proc}}
  - {name: sys, mounts: [{mountPath: /host/sys, readOnly: true}], hostPath: {path: /sys}}
  # HostToContainer includes file systems that the host mounts later.
  - {name: root, mounts: [{mountPath: /host/root, readOnly: true, mountPropagation: HostToContainer}], hostPath: {path: /}}
{{- end -}}
