{{- define "observability-stack.windowsExporterValues" -}}
{{- merge (include "observability-stack.hostProcess" . | fromJson) .Values.windowsExporter | toJson -}}
{{- end -}}

{{- define "observability-stack.windowsExporterPod" -}}
{{- $values := .Values.windowsExporter -}}
{{- $port := $values.port | int -}}
{{- if $values.firewall.create }}
initContainers:
  # A rule remains on the node, so it is created only once.
  - name: firewall
    command: [powershell.exe]
    args:
      - -NoProfile
      - -Command
      - >-
        $name = 'windows-exporter-{{ $port }}';
        if (-not (Get-NetFirewallRule -Name $name -ErrorAction SilentlyContinue)) {
        New-NetFirewallRule -Name $name -DisplayName $name -Direction Inbound -Profile Any -Action Allow -Protocol TCP -LocalPort {{ $port }} -ErrorAction Stop }
{{- end }}
args:
  - --web.listen-address=:{{ $port }}
  - --collectors.enabled={{ join "," $values.collectors }}
  # Volumes without a drive letter hold no data of pods.
  - --collector.logical_disk.volume-exclude=HarddiskVolume.+
ports:
  - {name: http, containerPort: {{ $port }}, hostPort: {{ $port }}}
handlers:
  livenessProbe: {httpGet: {path: /health, port: http}}
  readinessProbe: {httpGet: {path: /health, port: http}}
{{- end -}}
