{{- define "observability-stack.blackboxExporterConfig" -}}
{{- dict "blackbox.yaml" (dict "modules" .Values.blackboxExporter.modules | toYaml) | toYaml -}}
{{- end -}}

{{- define "observability-stack.blackboxExporterPod" -}}
{{- $values := .Values.blackboxExporter -}}
annotations:
  checksum/config: {{ include "observability-stack.blackboxExporterConfig" . | sha256sum }}
args:
  - --config.file=/etc/blackbox-exporter/blackbox.yaml
  - --web.listen-address=:{{ $values.service.port | int }}
ports:
  - {name: http, containerPort: {{ $values.service.port | int }}}
handlers:
  livenessProbe: {httpGet: {path: /-/healthy, port: http}}
  readinessProbe: {httpGet: {path: /-/healthy, port: http}}
volumes:
  - name: config
    mounts: [{mountPath: /etc/blackbox-exporter, readOnly: true}]
    secret: {secretName: {{ include "observability-stack.componentName" (dict "root" . "component" "blackbox-exporter") | quote }}}
{{- end -}}

{{/* The job of probes with the targets of the values, as JSON: dict "root" $ "job" <of files/scrape-jobs.yaml>. */}}
{{- define "observability-stack.probesJob" -}}
{{- $values := .root.Values.blackboxExporter -}}
{{- $address := printf "%s.%s.svc:%d" (include "observability-stack.componentName" (dict "root" .root "component" "blackbox-exporter")) .root.Release.Namespace (int $values.service.port) -}}
{{- $static := list -}}
{{- range $name, $probe := $values.targets -}}
{{- $labels := merge (dict "probe" $name "__param_module" ($probe.module | default "http_2xx")) ($probe.labels | default dict) -}}
{{- $static = append $static (dict "targets" (list $probe.target) "labels" $labels) -}}
{{- end -}}
{{- $steps := append .job.relabel_configs (dict "target_label" "__address__" "replacement" $address) -}}
{{- merge (dict "relabel_configs" $steps "static_configs" $static) .job | toJson -}}
{{- end -}}

{{/* Probes with a module that does not exist, which would never succeed. */}}
{{- define "observability-stack.checkProbes" -}}
{{- $values := .Values.blackboxExporter -}}
{{- range $name, $probe := ternary $values.targets dict $values.enabled -}}
{{- $module := $probe.module | default "http_2xx" -}}
{{- include "observability-stack.reject" (list (not (hasKey $values.modules $module))
  (printf "`blackboxExporter.targets.%s` uses the module %q, which `blackboxExporter.modules` does not contain." $name $module)
  "blackboxExporter.modules" (dict $module (dict "prober" "http"))) }}
{{- end -}}
{{- end -}}
