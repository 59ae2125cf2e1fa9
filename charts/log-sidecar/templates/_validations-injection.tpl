{{/* Checks of the injection settings. */}}
{{- define "log-sidecar.checkInjection" -}}
{{- $injection := .Values.injection -}}
{{- $version := .Capabilities.KubeVersion.Version -}}
{{- $old := semverCompare "<1.36.0-0" $version -}}
{{- $instead := dict "injection" (dict "enabled" false) "app" (dict "enabled" true) -}}
{{- include "log-sidecar.reject" (list $old
  (printf "`injection.enabled` is true, but Kubernetes %s does not serve MutatingAdmissionPolicy, which requires 1.36. Upgrade the cluster, or deploy the application and its sidecar without injection." $version)
  "" $instead) }}
{{- /* `helm template` knows only the kinds that it is given; a cluster lists all of them. */}}
{{- $apis := .Capabilities.APIVersions }}
{{- include "log-sidecar.reject" (list (and (not $old) ($apis.Has "v1/Pod") (not ($apis.Has "admissionregistration.k8s.io/v1/MutatingAdmissionPolicy")))
  (printf "`injection.enabled` is true, but this Kubernetes %s cluster does not serve MutatingAdmissionPolicy (admissionregistration.k8s.io/v1). Enable it in the API server (`--runtime-config`), or deploy the application and its sidecar without injection." $version)
  "" $instead) }}
{{- range $name, $profile := $injection.profiles }}
{{- include "log-sidecar.checkProfile" (dict "root" $ "name" $name "profile" $profile) }}
{{- end }}
{{- if not .Values.app.enabled }}{{ include "log-sidecar.checkProxy" . }}{{ end }}
{{- $domain := splitList "." $injection.annotationPrefix }}
{{- include "log-sidecar.reject" (list (or (has "k8s" $domain) (has "kubernetes" $domain))
  (printf "`injection.annotationPrefix` is %q, but Kubernetes reserves this domain." $injection.annotationPrefix) "injection.annotationPrefix" "log-sidecar") }}
{{- end -}}

{{/* One profile: dict "root" $ "name" <name> "profile" <map>. Its outputs are checked as the chart's own. */}}
{{- define "log-sidecar.checkProfile" -}}
{{- $profile := .profile -}}
{{- $path := printf "injection.profiles.%s" .name -}}
{{- $multiline := $profile.multiline | default "" -}}
{{- $tail := eq (include "log-sidecar.injectionEngine" (dict "root" .root "profile" $profile)) "tail" -}}
{{- include "log-sidecar.reject" (list (and $tail $multiline) (printf "`%s`: the tail engine cannot join the lines of %s records." $path $multiline)
  $path (dict "engine" "fluent-bit" "multiline" $multiline)) }}
{{- include "log-sidecar.reject" (list (and $tail (include "log-sidecar.redacts" .root)) (printf "`redaction` has rules, but `%s` uses the tail engine, which cannot redact." $path)
  (printf "%s.engine" $path) "fluent-bit") }}
{{- $unknown := list }}
{{- range $output, $given := $profile.outputs }}
{{- if not (or .type (hasKey $.root.Values.outputs $output)) }}{{ $unknown = append $unknown $output }}{{ end }}
{{- end }}
{{- range $unknown }}
{{- include "log-sidecar.reject" (list true (printf "`%s.outputs.%s` has no type, and `outputs` has no output with that name. Write for example:" $path .)
  (printf "%s.outputs.%s.type" $path .) "cloudwatch") }}
{{- else }}
{{- $scope := dict "root" .root "profile" $profile "engine" "fluent-bit" -}}
{{- include "log-sidecar.injectionRoot" $scope -}}
{{- range include "log-sidecar.outputs" $scope.made | fromJsonArray }}
{{- include "log-sidecar.reject" (list (and $tail (ne .type "stdout"))
  (printf "`%s`: the tail engine writes only to stdout, but `outputs.%s.type` is %s." $path .name .type)
  (printf "%s.engine" $path) "fluent-bit" (printf "%s.outputs.%s.enabled" $path .name) false) }}
{{- end }}
{{- range printf "%s%s" (include "log-sidecar.checkEnvironment" (dict "root" $scope.made "path" (printf "%s.env" $path))) (include "log-sidecar.checkOutput" $scope.made) | splitList "\f" }}
{{- with trim . }}
In `{{ $path }}`: {{ . }}{{ "\f" }}
{{- end }}
{{- end }}
{{- end }}
{{- end -}}
