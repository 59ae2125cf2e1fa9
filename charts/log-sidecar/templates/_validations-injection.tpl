{{/* Settings of the injection that cannot work. */}}
{{- define "log-sidecar.checkInjection" -}}
{{- $injection := .Values.injection -}}
{{- if semverCompare "<1.36.0-0" .Capabilities.KubeVersion.Version }}
injection.enabled is true, and Kubernetes {{ .Capabilities.KubeVersion.Version }} does not serve MutatingAdmissionPolicy, which came with 1.36. Upgrade the cluster, or let the chart run the application with its sidecar, without injection. Write:
injection:
  enabled: false
app:
  enabled: true{{ "\f" }}
{{- end }}
{{- range $name, $profile := $injection.profiles }}
{{- if kindIs "invalid" $profile }}
injection.profiles.{{ $name }} is null. Leave the line out, or write:
injection:
  profiles:
    {{ $name }}: {}{{ "\f" }}
{{- else if and (eq ($profile.engine | default "") "tail") $profile.multiline }}
injection.profiles.{{ $name }}: the tail engine cannot join the lines of {{ $profile.multiline }} records. Write:
injection:
  profiles:
    {{ $name }}:
      engine: fluent-bit
      multiline: {{ $profile.multiline }}{{ "\f" }}
{{- end }}
{{- end }}
{{- $domain := splitList "." $injection.annotationPrefix -}}
{{- if or (has "k8s" $domain) (has "kubernetes" $domain) }}
injection.annotationPrefix is {{ $injection.annotationPrefix | quote }}, a name of Kubernetes itself. Write:
injection:
  annotationPrefix: log-sidecar{{ "\f" }}
{{- end }}
{{- end -}}
