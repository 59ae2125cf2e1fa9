{{/* The pod of Prometheus: dict "root" $ "instance" <item of prometheusInstances>. */}}
{{- define "observability-stack.serverPod" -}}
{{- $root := .root -}}
{{- $server := $root.Values.server -}}
metadata:
  labels:
    {{- include "observability-stack.labels" (dict "root" $root "component" .instance.component "extra" $server.podLabels) | nindent 4 }}
  annotations:
    {{- $checksum := dict "checksum/config" (include "observability-stack.prometheusConfigData" $root | sha256sum) }}
    {{- if include "observability-stack.evaluatesRules" $root }}{{ $_ := set $checksum "checksum/rules" (include "observability-stack.rulesData" $root | sha256sum) }}{{ end }}
    {{- mergeOverwrite (dict) $root.Values.commonAnnotations $server.podAnnotations $checksum | toYaml | nindent 4 }}
spec:
  {{- include "observability-stack.placement" (dict "root" $root "values" $server) | nindent 2 }}
  {{- if $server.affinity }}
  affinity:
    {{- toYaml $server.affinity | nindent 4 }}
  {{- else if gt (mul $server.replicas $server.shards) 1 }}
  affinity:
    podAntiAffinity:
      preferredDuringSchedulingIgnoredDuringExecution:
        - weight: 100
          podAffinityTerm:
            topologyKey: kubernetes.io/hostname
            labelSelector:
              {{- include "observability-stack.serverSelector" $root | nindent 14 }}
  {{- end }}
  {{- with $server.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  serviceAccountName: {{ include "observability-stack.serverAccountName" $root | quote }}
  automountServiceAccountToken: true
  terminationGracePeriodSeconds: {{ $server.terminationGracePeriodSeconds | int64 }}
  {{- with $server.podSecurityContext }}
  securityContext:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: prometheus
      image: {{ include "observability-stack.image" (dict "root" $root "image" $server.image) | quote }}
      imagePullPolicy: {{ $server.image.pullPolicy | quote }}
      args:
        {{- include "observability-stack.prometheusArgs" . | nindent 8 }}
      {{- with $server.extraEnv }}
      env:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with $server.extraEnvFrom }}
      envFrom:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      ports:
        - name: http
          containerPort: {{ $server.service.port | int }}
      {{- include "observability-stack.probes" (dict "values" $server "paths" (dict "startupProbe" "/-/ready" "livenessProbe" "/-/healthy" "readinessProbe" "/-/ready")) | trim | nindent 6 }}
      resources:
        {{- toYaml $server.resources | nindent 8 }}
      {{- with $server.securityContext }}
      securityContext:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      volumeMounts:
        - name: config
          mountPath: /etc/prometheus
          readOnly: true
        {{- if include "observability-stack.evaluatesRules" $root }}
        - name: rules
          mountPath: /etc/prometheus-rules
          readOnly: true
        {{- end }}
        - name: data
          mountPath: /prometheus
        {{- with $server.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
  volumes:
    - name: config
      configMap:
        name: {{ include "observability-stack.componentName" (dict "root" $root "component" "server") | quote }}
    {{- if include "observability-stack.evaluatesRules" $root }}
    - name: rules
      configMap:
        name: {{ include "observability-stack.componentName" (dict "root" $root "component" "rules") | quote }}
    {{- end }}
    - name: data
      {{- if include "observability-stack.prometheusHasClaim" $root }}
      persistentVolumeClaim:
        claimName: {{ .instance.name | quote }}
      {{- else }}
      emptyDir:
        sizeLimit: {{ $server.persistence.emptyDirSize | quote }}
      {{- end }}
    {{- with $server.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end -}}
