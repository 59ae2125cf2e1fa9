{{/* Refusals of workloads; each message shows the YAML to write. Messages end with a form feed. */}}

{{- define "fluent-bit-windows.checkWorkloads" -}}
{{- $seen := dict -}}
{{- range $index, $item := .Values.workloads }}
{{- $where := printf "workloads[%d] (%s)" $index .name }}
{{- if hasKey $seen .name }}
{{ $where }}: two workloads have this name. Write another:
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
{{- if and (not (include "fluent-bit-windows.isHostProcess" $)) (not (has $workload.build $builds)) }}
{{ $where }}: its build is {{ $workload.build }}, whose nodes have no agent, so that nobody would send its logs on. Write:
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
{{ $where }}: its Service sends to the port {{ .targetPort }}, and ports has none of this name. Write:
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
{{ $where }}: autoscaling is enabled and nothing says when to scale. Write:
    autoscaling:
      cpuPercent: 80{{ "\f" }}
{{- end }}
{{- $budget := .podDisruptionBudget }}
{{- if and $budget.enabled (eq (toString $budget.minAvailable) "") (eq (toString $budget.maxUnavailable) "") }}
{{ $where }}: its disruption budget says nothing. Write:
    podDisruptionBudget:
      maxUnavailable: 1{{ "\f" }}
{{- end }}
{{- end }}
{{- end -}}

{{/* What LogMonitor is started with, and from where. */}}
{{- define "fluent-bit-windows.checkLogMonitor" -}}
{{- $where := .where -}}
{{- $settings := .workload.logMonitor -}}
{{- if and (ne $settings.from "entrypoint") (not .workload.command) }}
{{ $where }}: LogMonitor has nothing to start, as it takes the place of the image's entry point. Write what that is:
    command:
      - C:\ServiceMonitor.exe
      - w3svc
or, when the entry point of the image is LogMonitor itself:
    logMonitor:
      from: entrypoint{{ "\f" }}
{{- end }}
{{- if and (eq $settings.from "entrypoint") .workload.command }}
{{ $where }}: command replaces the entry point, which logMonitor.from says to leave alone. Write:
    command: []
    logMonitor:
      from: entrypoint{{ "\f" }}
{{- end }}
{{- if ne $settings.from "initContainer" }}
{{- if $settings.sources }}
{{ $where }}: logMonitor.sources is for a configuration that the chart writes; this image brings its own. Write:
    logMonitor:
      from: initContainer{{ "\f" }}
{{- end }}
{{- else }}
{{- if not (and $settings.image $settings.image.repository) }}
{{ $where }}: logMonitor.image is not set, the image that LogMonitor.exe is copied from. Write:
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
