{{/*
The reasons to reject a pod: a YAML list of CEL conditions and messages, of which the first whose condition holds applies.
A message keeps the mutating policy from changing the pod, and is the message of the validating one. A condition may rely on
the conditions before it. Messages have no line breaks: the API server drops those that have.
*/}}
{{- define "log-sidecar.injectionRejections" -}}
{{- $injection := .Values.injection -}}
{{- $p := printf "%s/" $injection.annotationPrefix -}}
{{- $known := list -}}
{{- range include "log-sidecar.injectionAnnotations" . | fromJsonArray -}}{{- $known = append $known (printf "%s%s" $p .) -}}{{- end -}}
{{- $plain := list -}}
{{- $backends := list -}}
{{- $ports := dict -}}
{{- $graces := dict -}}
{{- $equal := list -}}
{{- range $name, $profile := $injection.profiles -}}
{{- $scope := dict "root" $ "profile" $profile "engine" "fluent-bit" -}}
{{- include "log-sidecar.injectionRoot" $scope -}}
{{- $values := $scope.made.Values -}}
{{- if not (include "log-sidecar.fargateUnequal" $values.sidecar.resources) }}{{ $equal = append $equal $name }}{{ end -}}
{{- if not $profile.multiline }}{{ $plain = append $plain $name }}{{ end -}}
{{- if include "log-sidecar.hasBackend" (dict "outputs" (include "log-sidecar.activeOutputs" $scope.made | fromJsonArray)) }}
{{- $backends = append $backends $name -}}
{{- /* As in _validations-output.tpl for the chart's own pod. */ -}}
{{- $_ := set $graces $name (add 1 (ceil $values.sidecar.drainSeconds | int) (int $values.sidecar.grace)) -}}
{{- end -}}
{{- $_ := set $ports $name (int $values.sidecar.fluentBit.httpServer.port) -}}
{{- end -}}
{{ include "log-sidecar.injectionCel" (dict "root" . "file" "bounds.yaml") }}
- if: variables.unknown.size() > 0
  say: >-
    "The annotation " + variables.unknown[0] + {{ printf " is unknown. Write one of %s." (join ", " $known) | toJson }}
- if: variables.inject == ""
  say: >-
    {{ printf "The pod has annotations below %s, but no %sinject. Write %sinject: \"true\"." $p $p $p | toJson }}
- if: variables.inject == "false"
  say: '""'
- if: variables.inject != "true"
  say: >-
    {{ printf "The annotation %sinject is '" $p | toJson }} + variables.inject + {{ printf "'. Write %sinject: \"true\" or \"false\"." $p | toJson }}
- if: variables.paths.size() == 0
  say: >-
    {{ printf "The annotation %spaths is missing or empty. Write %spaths: /var/log/app/app.log, or several paths separated by commas." $p $p | toJson }}
- if: variables.paths.exists(p, !p.startsWith("/"))
  say: >-
    {{ printf "The annotation %spaths has the relative path '" $p | toJson }} + variables.paths.filter(p, !p.startsWith("/"))[0] +
    {{ printf "'. Write the absolute path in the container, %spaths: /var/log/app/app.log." $p | toJson }}
- if: variables.paths.exists(p, !p.matches({{ include "log-sidecar.injectionPath" . | toJson }}) || p.matches("/[.][.]?([*?\\[/]|$)"))
  say: >-
    {{ printf "The annotation %spaths has '" $p | toJson }} + variables.paths.filter(p, !p.matches({{ include "log-sidecar.injectionPath" . | toJson }}) ||
    p.matches("/[.][.]?([*?\\[/]|$)"))[0] +
    {{ printf "'. A path is a file or glob in a folder that has a name, of letters, digits and ._@%%+=:~-, without '..'. Write %spaths: /var/log/app/*.log." $p | toJson }}
- if: variables.paths.exists(p, (p + "/").startsWith("/var/lib/log-sidecar/"))
  say: >-
    {{ printf "The annotation %spaths points into /var/lib/log-sidecar, where the sidecar keeps its state. Write the logs to another directory." $p | toJson }}
- if: '!(variables.profile in {{ keys $injection.profiles | sortAlpha | toJson }})'
  say: >-
    {{ printf "The annotation %sprofile is '" $p | toJson }} + variables.profile + {{ printf "'. The cluster has %s." (keys $injection.profiles | sortAlpha | join ", ") | toJson }}
- if: '!(variables.engine in ["fluent-bit", "tail"])'
  say: >-
    {{ printf "The annotation %sengine is '" $p | toJson }} + variables.engine + {{ printf "'. Write %sengine: fluent-bit or tail." $p | toJson }}
{{- if include "log-sidecar.redacts" . }}
- if: variables.engine == "tail"
  say: >-
    {{ printf "The annotation %sengine is 'tail', which cannot redact the secrets that the cluster's administrator excludes from logs. Write %sengine: fluent-bit." $p $p | toJson }}
{{- end }}
- if: '!(variables.rotation in ["rename", "copytruncate"])'
  say: >-
    {{ printf "The annotation %srotation is '" $p | toJson }} + variables.rotation + {{ printf "'. Write %srotation: rename or copytruncate." $p | toJson }}
- if: variables.engine == "tail" && variables.paths.exists(p, p.matches("[*?\\[]"))
  say: >-
    {{ printf "The annotation %spaths has the glob '" $p | toJson }} + variables.paths.filter(p, p.matches("[*?\\[]"))[0] +
    {{ printf "', which the tail engine cannot follow. Write exact paths, or %sengine: fluent-bit." $p | toJson }}
- if: variables.engine == "tail" && {{ printf "!(variables.profile in %s)" (toJson $plain) }}
  say: >-
    {{ printf "The annotation %sprofile is '" $p | toJson }} + variables.profile +
    {{ printf "', whose multiline records the tail engine cannot join. Write %sengine: fluent-bit, or another profile." $p | toJson }}
- if: variables.engine == "tail" && variables.profile in {{ toJson $backends }}
  say: >-
    {{ printf "The annotation %sprofile is '" $p | toJson }} + variables.profile +
    {{ printf "', which sends to a backend, but the tail engine writes only to stdout. Write %sengine: fluent-bit, or another profile." $p | toJson }}
- if: variables.named.exists(n, !(n in variables.names))
  say: >-
    {{ printf "The annotation %scontainers names '" $p | toJson }} + variables.named.filter(n, !(n in variables.names))[0] +
    "', but the pod's containers are " + variables.names.join(", ") + {{ printf ". Write %scontainers with one of these." $p | toJson }}
{{ include "log-sidecar.injectionCel" (dict "root" . "file" "pods.yaml") }}
- if: variables.namesakes
  say: >-
    {{ printf "The annotation %sinject requests the container %s, but the pod has a container with this name that was not created for these annotations. Remove or rename it." $p $injection.name | toJson }}
- if: variables.ambiguous.size() > 0
  say: >-
    {{ printf "The annotation %spaths has files in " $p | toJson }} + variables.ambiguous[0] + ", where the containers " +
    variables.holders[variables.directories.indexOf(variables.ambiguous[0])].map(m, m.container).distinct().join(", ") +
    {{ printf " mount different volumes. Name the container that writes there in %scontainers." $p | toJson }}
- if: variables.shared.exists(s, s.expression != "")
  say: >-
    {{ printf "The annotation %spaths has files in " $p | toJson }} + variables.shared.filter(s, s.expression != "")[0].path +
    ", which is mounted with a subPathExpr. The sidecar cannot resolve it: use subPath instead."
- if: variables.homeless.size() > 0 && variables.named.size() == 0 && object.spec.containers.size() > 1
  say: >-
    {{ printf "The annotation %spaths has files in " $p | toJson }} + variables.homeless[0] + ", where none of the containers " +
    variables.names.join(", ") + {{ printf " mounts a volume. Name the containers that write there in %scontainers; the chart adds a volume to them." $p | toJson }}
- if: variables.engine == "fluent-bit" && object.spec.?terminationGracePeriodSeconds.orValue(30) < {{ toJson $graces }}[?variables.profile].orValue(0)
  say: >-
    {{ printf "The annotation %sprofile is '" $p | toJson }} + variables.profile + "', whose sidecar delivers for up to " + string({{ toJson $graces }}[?variables.profile].orValue(0)) +
    " s after the application, and the pod has terminationGracePeriodSeconds: " + string(object.spec.?terminationGracePeriodSeconds.orValue(30)) +
    ". Write at least terminationGracePeriodSeconds: " + string({{ toJson $graces }}[?variables.profile].orValue(0)) + " in the pod."
{{- /* Fargate adds the label, if the pod does not have it. */}}
- if: '"eks.amazonaws.com/fargate-profile" in object.metadata.?labels.orValue({}) && !(variables.profile in {{ toJson $equal }})'
  say: >-
    {{ printf "The annotation %sprofile is '" $p | toJson }} + variables.profile +
    {{ printf "', whose sidecar has requests other than its limits, but the pod runs on Fargate, which requires equal ones. %s" (ternary (printf "Write %sprofile with one of %s." $p (join ", " $equal)) "No profile has equal ones: set injection.profiles.NAME.resources of the chart." (gt (len $equal) 0)) | toJson }}
- if: variables.engine == "fluent-bit" && object.spec.?hostNetwork.orValue(false)
  say: >-
    {{ printf "The annotation %sinject is set on a pod with hostNetwork, where two sidecars would listen on the same port. Write %sengine: tail." $p $p | toJson }}
- if: variables.engine == "fluent-bit" && variables.boxes.exists(c, c.name != {{ toJson $injection.name }} && c.?ports.orValue([]).exists(p, p.containerPort == {{ toJson $ports }}[variables.profile]))
  say: >-
    "A container of the pod has the port " + string({{ toJson $ports }}[variables.profile]) +
    {{ printf ", the port of the sidecar's HTTP server. Write %sengine: tail, or %sprofile with a profile that has another httpServer.port." $p $p | toJson }}
{{- end -}}

{{/* The message that rejects a pod, or "", as one CEL expression. */}}
{{- define "log-sidecar.injectionRejection" -}}
{{- range include "log-sidecar.injectionRejections" . | fromYamlArray }}
{{ .if }} ?
{{ .say }} :
{{- end }}
""
{{- end -}}
