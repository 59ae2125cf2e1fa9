{{/* Rules about workloads. */}}

{{- define "fluent-bit-windows.checkWorkloads" -}}
{{- $seen := dict -}}
{{- range $index, $item := .Values.workloads }}
{{- $where := printf "workloads[%d] (%s)" $index .name }}
{{- if hasKey $seen .name }}
{{ $where }}: two workloads have this name. Choose another:
workloads:
  - name: {{ .name }}-{{ $index }}{{ "\f" }}
{{- end }}
{{- $_ := set $seen .name true }}
{{- $name := printf "%s-%s" (include "fluent-bit-windows.fullname" $) .name }}
{{- if gt (len $name) 63 }}
{{ $where }}: the name of its objects would be {{ $name }}, longer than 63 characters. Write a shorter one:
fullnameOverride: {{ include "fluent-bit-windows.fullname" $ | trunc (sub 62 (len .name) | int) | trimSuffix "-" }}{{ "\f" }}
{{- end }}
{{- $workload := mustMergeOverwrite (deepCopy $.Values.workloadDefaults) $item }}
{{- $builds := list }}
{{- range $.Values.windows.builds }}{{ $builds = append $builds .name }}{{ end }}
{{- if and (ne $.Values.mode "hostProcess") (not (has $workload.build $builds)) }}
{{ $where }}: its build is {{ $workload.build }}, whose nodes have no agent to deliver its logs. Write:
windows:
  builds:
{{- range append $builds $workload.build }}
    - name: {{ . | quote }}
{{- end }}{{ "\f" }}
{{- end }}
{{- include "fluent-bit-windows.checkWorkload" (dict "where" $where "workload" $workload) }}
{{- include "fluent-bit-windows.checkLogMonitor" (dict "where" $where "workload" $workload) }}
{{- end }}
{{- end -}}

{{- define "fluent-bit-windows.checkWorkload" -}}
{{- $where := .where -}}
{{- with .workload }}
{{- if and (not .image.tag) (not .image.digest) }}
{{ $where }}: its image has neither a tag nor a digest. Write:
workloads:
  - name: {{ .name }}
    image:
      repository: {{ .image.repository }}
      tag: 1.0.0{{ "\f" }}
{{- end }}
{{- if .service.enabled }}
{{- $names := list }}
{{- range .ports }}{{ with .name }}{{ $names = append $names . }}{{ end }}{{ end }}
{{- if not .service.ports }}
{{ $where }}: its Service is enabled and has no ports. Write:
workloads:
  - name: {{ .name }}
    service:
      enabled: true
      ports:
        - port: 80{{ "\f" }}
{{- end }}
{{- range .service.ports }}
{{- if and (kindIs "string" .targetPort) (not (has .targetPort $names)) }}
{{ $where }}: its Service refers to port {{ .targetPort }}, which is not in ports. Write:
    ports:
      - name: {{ .targetPort }}
        containerPort: {{ .port }}{{ "\f" }}
{{- end }}
{{- end }}
{{- end }}
{{- if and .service.enabled .service.loadBalancerClass (ne .service.type "LoadBalancer") }}
{{ $where }}: service.loadBalancerClass is set, and the Service is a {{ .service.type }}. Write:
    service:
      type: LoadBalancer{{ "\f" }}
{{- end }}
{{- $scaling := .autoscaling }}
{{- if and $scaling.enabled (gt (int $scaling.minReplicas) (int $scaling.maxReplicas)) }}
{{ $where }}: autoscaling.minReplicas is {{ $scaling.minReplicas }}, more than maxReplicas. Write:
    autoscaling:
      minReplicas: {{ $scaling.maxReplicas }}{{ "\f" }}
{{- end }}
{{- if and $scaling.enabled (not $scaling.cpuPercent) (not $scaling.memoryPercent) }}
{{ $where }}: autoscaling is enabled without a target. Write:
    autoscaling:
      cpuPercent: 80{{ "\f" }}
{{- end }}
{{- $budget := .podDisruptionBudget }}
{{- if and $budget.enabled (eq (toString $budget.minAvailable) "") (eq (toString $budget.maxUnavailable) "") }}
{{ $where }}: its disruption budget has no limit. Write:
    podDisruptionBudget:
      maxUnavailable: 1{{ "\f" }}
{{- end }}
{{- end }}
{{- end -}}

{{/* Rules about LogMonitor. */}}
{{- define "fluent-bit-windows.checkLogMonitor" -}}
{{- $where := .where -}}
{{- $settings := .workload.logMonitor -}}
{{- if and (ne $settings.from "entrypoint") (not .workload.command) }}
{{ $where }}: LogMonitor has nothing to start, because it replaces the image's entry point. Write the command:
    command:
      - C:\ServiceMonitor.exe
      - w3svc
or, if the entry point of the image is LogMonitor:
    logMonitor:
      from: entrypoint{{ "\f" }}
{{- end }}
{{- if and (eq $settings.from "entrypoint") .workload.command }}
{{ $where }}: command is set, but logMonitor.from: entrypoint uses the image's own command. Write:
    command: []
    logMonitor:
      from: entrypoint{{ "\f" }}
{{- end }}
{{- if ne $settings.from "initContainer" }}
{{- if $settings.sources }}
{{ $where }}: logMonitor.sources is set, but the image contains its own configuration. Write:
    logMonitor:
      from: initContainer{{ "\f" }}
{{- end }}
{{- else }}
{{- if not (and $settings.image $settings.image.repository) }}
{{ $where }}: logMonitor.image, which LogMonitor.exe is copied from, is not set. Write:
    logMonitor:
      image:
        registry: 111122223333.dkr.ecr.us-east-1.amazonaws.com
        repository: logmonitor
        tag: 2.2.1{{ "\f" }}
{{- else if and (not $settings.image.tag) (not $settings.image.digest) }}
{{ $where }}: logMonitor.image has neither a tag nor a digest. Write:
    logMonitor:
      image:
        repository: {{ $settings.image.repository }}
        tag: 2.2.1{{ "\f" }}
{{- end }}
{{- if not $settings.sources }}
{{ $where }}: logMonitor.sources is empty, so LogMonitor would read nothing. Write:
    logMonitor:
      sources:
        - type: Process{{ "\f" }}
{{- end }}
{{- include "fluent-bit-windows.checkSources" (dict "where" $where "settings" $settings) }}
{{- end }}
{{- end -}}
