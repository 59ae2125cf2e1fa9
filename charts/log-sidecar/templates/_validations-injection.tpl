{{/* Checks of the injection settings. */}}
{{- define "log-sidecar.checkInjection" -}}
{{- $injection := .Values.injection -}}
{{- $cluster := printf "Kubernetes %s" .Capabilities.KubeVersion.Version -}}
{{- $without := "" -}}
{{- if semverCompare "<1.36.0-0" .Capabilities.KubeVersion.Version }}
{{- $without = printf "%s does not serve MutatingAdmissionPolicy, which requires 1.36. Upgrade the cluster" $cluster }}
{{- else if and (.Capabilities.APIVersions.Has "v1/Pod") (not (.Capabilities.APIVersions.Has "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy")) }}
{{- /* `helm template` knows only the kinds that it is given; a cluster lists all of them. */}}
{{- $without = printf "this %s cluster does not serve MutatingAdmissionPolicy (admissionregistration.k8s.io/v1). Enable it in the API server (`--runtime-config`)" $cluster }}
{{- end }}
{{- with $without }}
injection.enabled is true, but {{ . }}, or deploy the application and its sidecar without injection. Write:
injection:
  enabled: false
app:
  enabled: true{{ "\f" }}
{{- end }}
{{- range $name, $profile := $injection.profiles }}
{{- include "log-sidecar.checkProfile" (dict "root" $ "name" $name "profile" $profile) }}
{{- end }}
{{- $domain := splitList "." $injection.annotationPrefix -}}
{{- if or (has "k8s" $domain) (has "kubernetes" $domain) }}
injection.annotationPrefix is {{ $injection.annotationPrefix | quote }}, but Kubernetes reserves this domain. Write:{{ include "log-sidecar.write" (dict "path" "injection.annotationPrefix" "value" "log-sidecar") }}{{ "\f" }}
{{- end }}
{{- end -}}

{{/* One profile: dict "root" $ "name" <name> "profile" <map>. Its outputs are checked as the chart's own. */}}
{{- define "log-sidecar.checkProfile" -}}
{{- $name := .name -}}
{{- $profile := .profile -}}
{{- $unknown := list -}}
{{- range $output, $given := $profile.outputs -}}
{{- if not (or $given.type (hasKey $.root.Values.outputs $output)) }}{{ $unknown = append $unknown $output }}{{ end -}}
{{- end -}}
{{- range $unknown }}
injection.profiles.{{ $name }}.outputs.{{ . }} has no type, and outputs has no output with that name. Write for example:{{ include "log-sidecar.write" (dict "path" (printf "injection.profiles.%s.outputs.%s.type" $name .) "value" "cloudwatch") }}{{ "\f" }}
{{- end }}
{{- $multiline := $profile.multiline | default "" -}}
{{- $tail := eq (include "log-sidecar.injectionEngine" (dict "root" .root "profile" $profile)) "tail" -}}
{{- if and $tail $multiline }}
injection.profiles.{{ $name }}: the tail engine cannot join the lines of {{ $multiline }} records. Write:
injection:
  profiles:
    {{ $name }}:
      engine: fluent-bit
      multiline: {{ $multiline }}{{ "\f" }}
{{- end }}
{{- if and (eq $multiline "regex") (not (dig "multilineRegex" "start" "" $profile)) }}
injection.profiles.{{ $name }} has `multiline: regex`, but no pattern for the first line of a record. Write:
injection:
  profiles:
    {{ $name }}:
      multiline: regex
      multilineRegex:
        start: '^\d{4}-\d{2}-\d{2}'{{ "\f" }}
{{- end }}
{{- if not $unknown }}
{{- $scope := dict "root" .root "profile" $profile "engine" "fluent-bit" -}}
{{- include "log-sidecar.injectionRoot" $scope -}}
{{- range $output := include "log-sidecar.outputs" $scope.made | fromJsonArray }}
{{- if and $tail (ne .type "stdout") }}
injection.profiles.{{ $name }}: the tail engine writes only to stdout, but outputs.{{ .name }}.type is {{ .type }}. Write one of:
injection:
  profiles:
    {{ $name }}:
      engine: fluent-bit
injection:
  profiles:
    {{ $name }}:
      outputs:
        {{ .name }}:
          enabled: false{{ "\f" }}
{{- end }}
{{- end }}
{{- range include "log-sidecar.checkOutput" $scope.made | splitList "\f" }}
{{- with trim . }}
In injection.profiles.{{ $name }}: {{ . }}{{ "\f" }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}
