{{/* The CEL variables of both policies, as a YAML list; each is evaluated when it is first used. */}}

{{/* The characters of a path; the first directory must not contain globs. */}}
{{- define "log-sidecar.injectionPath" -}}
^/[A-Za-z0-9._@%+=:~-]+(/[A-Za-z0-9._@%+=:~*?\[\]-]+)+$
{{- end -}}

{{- define "log-sidecar.injectionVariables" -}}
{{- $injection := .Values.injection -}}
{{- $prefix := printf "%s/" $injection.annotationPrefix -}}
{{- $engines := dict -}}
{{- range $name, $profile := $injection.profiles -}}
{{- $_ := set $engines $name (include "log-sidecar.injectionEngine" (dict "root" $ "profile" $profile)) -}}
{{- end -}}
- name: annotations
  expression: object.metadata.?annotations.orValue({})
- name: inject
  expression: variables.annotations[?{{ printf "%sinject" $prefix | toJson }}].orValue("")
- name: unknown
  expression: >-
    variables.annotations.map(k, k).filter(k, k.startsWith({{ toJson $prefix }}) &&
    !(k.substring({{ len $prefix }}) in {{ include "log-sidecar.injectionAnnotations" . }}))
- name: paths
  expression: >-
    variables.annotations[?{{ printf "%spaths" $prefix | toJson }}].orValue("")
    .split(",").map(p, p.trim()).filter(p, p != "").distinct()
- name: named
  expression: >-
    variables.annotations[?{{ printf "%scontainers" $prefix | toJson }}].orValue("")
    .split(",").map(c, c.trim()).filter(c, c != "").distinct()
- name: profile
  expression: variables.annotations[?{{ printf "%sprofile" $prefix | toJson }}].orValue("default")
- name: engine
  expression: >-
    variables.annotations[?{{ printf "%sengine" $prefix | toJson }}]
    .orValue({{ toJson $engines }}[?variables.profile].orValue(""))
- name: rotation
  expression: variables.annotations[?{{ printf "%srotation" $prefix | toJson }}].orValue("rename")
# What rotation renames is read to its end, as in the chart's own pod.
- name: logPaths
  expression: >-
    variables.engine == "tail" ? variables.paths.join(" ") :
    variables.rotation == "copytruncate" ? variables.paths.join(",") :
    variables.paths.map(p, p + "-*," + p + ".*," + p).join(",")
# The folder of a path, or the one before its first glob.
- name: directories
  expression: variables.paths.map(p, p.find("^[^*?\\[]*/")).map(d, d.substring(0, size(d) - 1)).distinct()
- name: mounts
  expression: >-
    object.spec.containers.map(c, c.?volumeMounts.orValue([]).map(m, {"container": string(c.name),
    "volume": string(m.name), "subPath": string(m.?subPath.orValue("")), "expression": string(m.?subPathExpr.orValue("")),
    "path": string(m.mountPath.endsWith("/") ? m.mountPath.substring(0, size(m.mountPath) - 1) : m.mountPath)})).flatten()
# For each directory the mounts that hold it, of the named containers or, where these have none, of the others. `place`
# is the directory in its volume.
- name: holders
  expression: >-
    variables.directories.map(d, variables.mounts.filter(m, (d + "/").startsWith(m.path + "/")).map(m, {
    "container": m.container, "volume": m.volume, "path": m.path, "subPath": m.subPath, "expression": m.expression,
    "place": m.subPath != "" ? m.subPath + d.substring(size(m.path)) : size(d) > size(m.path) ? d.substring(size(m.path) + 1) : ""}))
    .map(l, l.exists(m, m.container in variables.named) ? l.filter(m, m.container in variables.named) : l)
    .map(l, l.filter(m, !l.exists(n, n.container == m.container && size(n.path) > size(m.path))))
- name: ambiguous
  expression: >-
    variables.directories.filter(d, variables.holders[variables.directories.indexOf(d)]
    .map(m, m.volume + "/" + m.place).distinct().size() > 1)
# Directories that no container mounts; those below another one lie on its volume.
- name: homeless
  expression: variables.directories.filter(d, variables.holders[variables.directories.indexOf(d)].size() == 0)
- name: added
  expression: variables.homeless.filter(d, !variables.homeless.exists(e, d.startsWith(e + "/")))
- name: shared
  expression: >-
    variables.holders.filter(l, l.size() > 0).map(l, l[0])
    .map(m, {"volume": m.volume, "path": m.path, "subPath": m.subPath, "expression": m.expression}).distinct()
# The containers that write the logs.
- name: writers
  expression: >-
    variables.named.size() > 0 ? variables.named :
    variables.shared.size() > 0 ? variables.holders.filter(l, l.size() > 0).map(l, l.map(m, m.container)).flatten().distinct() :
    [string(object.spec.containers[0].name)]
- name: sidecars
  expression: >-
    object.spec.?initContainers.orValue([]).filter(c, c.name == {{ toJson $injection.name }} &&
    c.?env.orValue([]).exists(e, e.name == "LOG_PATHS" && e.?value.orValue("") == variables.logPaths))
- name: namesakes
  expression: >-
    object.spec.containers.exists(c, c.name == {{ toJson $injection.name }}) ||
    object.spec.?initContainers.orValue([]).exists(c, c.name == {{ toJson $injection.name }}) && variables.sidecars.size() != 1
- name: rejection
  expression: >-
    {{- include "log-sidecar.injectionRejection" . | nindent 4 }}
{{- end -}}

{{/* The CEL variables of the mutating policy only. */}}
{{- define "log-sidecar.injectionParts" -}}
{{- $injection := .Values.injection -}}
- name: writer
  expression: object.spec.containers.filter(c, c.name == variables.writers[0])[0]
- name: user
  expression: >-
    variables.writer.?securityContext.?runAsUser.orValue(object.spec.?securityContext.?runAsUser.orValue({{ int64 $injection.runAsUser }}))
- name: group
  expression: >-
    variables.writer.?securityContext.?runAsGroup.orValue(object.spec.?securityContext.?runAsGroup.orValue({{ int64 $injection.runAsGroup }}))
- name: claims
  expression: >-
    variables.shared.filter(s, object.spec.?volumes.orValue([]).exists(v, v.name == s.volume && has(v.persistentVolumeClaim)))
# What the sidecar has read stands beside the files where these outlive the pod: the next one goes on there.
- name: stateMounts
  expression: >-
    variables.engine == "tail" ? [] : [variables.claims.size() > 0 ?
    {"name": dyn(variables.claims[0].volume), "mountPath": dyn("/var/lib/log-sidecar"), "readOnly": dyn(false),
    "subPath": dyn((variables.claims[0].subPath == "" ? "" : variables.claims[0].subPath + "/") + ".log-sidecar")} :
    {"name": dyn({{ printf "%s-state" $injection.name | toJson }}), "mountPath": dyn("/var/lib/log-sidecar"),
    "readOnly": dyn(false), "subPath": dyn("")}]
- name: logMounts
  expression: >-
    variables.shared.map(s, {"name": s.volume, "mountPath": s.path, "subPath": s.subPath}) +
    variables.added.map(d, {"name": {{ printf "%s-logs-" $injection.name | toJson }} + string(variables.added.indexOf(d)),
    "mountPath": d, "subPath": ""})
# A volume of its own where the token for the API server would be: nothing in the sidecar asks that server.
# The runtime has to make the folder of a mount that lies in another one.
- name: sidecarMounts
  expression: >-
    variables.logMounts.map(m, {"name": dyn(m.name), "mountPath": dyn(m.mountPath), "subPath": dyn(m.subPath),
    "readOnly": dyn(!variables.logMounts.exists(n, n.mountPath.startsWith(m.mountPath + "/")))}) + variables.stateMounts +
    [{"name": dyn({{ printf "%s-none" $injection.name | toJson }}), "mountPath": dyn("/var/run/secrets/kubernetes.io/serviceaccount"),
    "readOnly": dyn(true), "subPath": dyn("")}]
# Mounts of the writers: where the logs get a volume, and where only another container has it.
- name: newMounts
  expression: >-
    (variables.writers.map(w, variables.added.map(d, {"container": w, "path": d, "subPath": "",
    "volume": {{ printf "%s-logs-" $injection.name | toJson }} + string(variables.added.indexOf(d))})) +
    variables.writers.map(w, variables.directories.filter(d, variables.holders[variables.directories.indexOf(d)].size() > 0 &&
    !variables.mounts.exists(m, m.container == w && (d + "/").startsWith(m.path + "/"))).map(d, {"container": w, "path": d,
    "subPath": variables.holders[variables.directories.indexOf(d)][0].place,
    "volume": variables.holders[variables.directories.indexOf(d)][0].volume}))).flatten()
- name: needs
  expression: {{ printf "%s[variables.profile]" (include "log-sidecar.injectionVolumes" .) | toJson }}
- name: newVolumes
  expression: >-
    variables.added.map(d, {"name": dyn({{ printf "%s-logs-" $injection.name | toJson }} + string(variables.added.indexOf(d))),
    "emptyDir": dyn({"sizeLimit": {{ toJson $injection.volume.sizeLimit }}})}) +
    variables.stateMounts.filter(m, m.name == {{ printf "%s-state" $injection.name | toJson }}).map(m, {"name": dyn(m.name),
    "emptyDir": dyn(variables.needs.state)}) +
    [{"name": dyn({{ printf "%s-none" $injection.name | toJson }}), "emptyDir": dyn({"sizeLimit": "1Mi"})}] +
    (variables.engine == "tail" ? [] : variables.needs.volumes)
- name: names
  expression: object.spec.containers.map(c, string(c.name))
{{- range $index, $name := keys $injection.profiles | sortAlpha }}
{{- $profile := get $injection.profiles $name }}
{{- range $engine := list "fluent-bit" "tail" }}
- name: {{ printf "sidecar_%d_%s" $index ($engine | replace "-" "_") }}
  expression: {{ include "log-sidecar.injectionContainer" (dict "root" $ "profile" $profile "engine" $engine) | toJson }}
{{- end }}
{{- end }}
{{- end -}}

{{/* The JSON Patch operations, one list for each step. */}}
{{- define "log-sidecar.injectionPatch" -}}
{{- $injection := .Values.injection -}}
variables.rejection != "" || variables.sidecars.size() > 0 ? [] :
(has(object.spec.initContainers) ? [] : [JSONPatch{op: "add", path: "/spec/initContainers", value: []}]) +
[JSONPatch{op: "add", path: "/spec/initContainers/0", value:
{{- range $index, $name := keys $injection.profiles | sortAlpha }}
variables.profile == {{ toJson $name }} ? (variables.engine == "tail" ? variables.sidecar_{{ $index }}_tail : variables.sidecar_{{ $index }}_fluent_bit) :
{{- end }} {}}] +
(has(object.spec.volumes) ? [] : [JSONPatch{op: "add", path: "/spec/volumes", value: []}]) +
variables.newVolumes.map(v, JSONPatch{op: "add", path: "/spec/volumes/-", value: v}) +
variables.newMounts.map(m, m.container).distinct().filter(c, !has(object.spec.containers[variables.names.indexOf(c)].volumeMounts))
.map(c, JSONPatch{op: "add", path: "/spec/containers/" + string(variables.names.indexOf(c)) + "/volumeMounts", value: []}) +
variables.newMounts.map(m, JSONPatch{op: "add", path: "/spec/containers/" + string(variables.names.indexOf(m.container)) + "/volumeMounts/-",
value: {"name": dyn(m.volume), "mountPath": dyn(m.path), "subPath": dyn(m.subPath)}})
{{- end -}}
