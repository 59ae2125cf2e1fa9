{{/* Rules of files/rules with the values applied. A server evaluates them; in agent mode, the backend does. */}}

{{/* Groups of a file without disabled alerts: dict "root" $ "file" <name>; a JSON list. */}}
{{- define "observability-stack.ruleGroups" -}}
{{- $rules := .root.Values.rules -}}
{{- $groups := list -}}
{{- range (.root.Files.Get (printf "files/rules/%s.yaml" .file) | fromYaml).groups -}}
{{- $kept := list -}}
{{- range .rules -}}
{{- if not .alert -}}
{{- $kept = append $kept . -}}
{{- else if not (has .alert $rules.disabledAlerts) -}}
{{- $alert := mergeOverwrite (dict) . (dict "labels" (mergeOverwrite (dict) .labels $rules.labels)) -}}
{{- if $rules.runbookUrl }}{{ $_ := set $alert "annotations" (merge (dict "runbook_url" (printf "%s/%s.md#%s" (trimSuffix "/" $rules.runbookUrl) $.file (lower .alert))) .annotations) }}{{ end -}}
{{- $kept = append $kept $alert -}}
{{- end -}}
{{- end -}}
{{- if $kept }}{{ $groups = append $groups (dict "name" .name "rules" $kept) }}{{ end -}}
{{- end -}}
{{- $groups | toJson -}}
{{- end -}}

{{/* Groups by file name, as JSON. */}}
{{- define "observability-stack.ruleFiles" -}}
{{- $files := dict -}}
{{- if .Values.rules.enabled -}}
{{- range $key, $on := .Values.rules.files -}}
{{- $name := kebabcase $key -}}
{{- $groups := include "observability-stack.ruleGroups" (dict "root" $ "file" $name) | fromJsonArray -}}
{{- /* Without an Alertmanager, its absence would trigger an alert. */}}
{{- $there := or (ne $key "alertmanager") (and $.Values.alertmanager.enabled (not (include "observability-stack.prometheusIsAgent" $))) -}}
{{- if and $on $there $groups }}{{ $_ := set $files $name $groups }}{{ end -}}
{{- end -}}
{{- $own := list -}}
{{- range $group := .Values.rules.groups -}}
{{- $rules := list -}}
{{- range .rules -}}
{{- $labels := mergeOverwrite (dict) $.Values.rules.labels ($group.labels | default dict) (.labels | default dict) -}}
{{- $rules = append $rules (ternary (merge (dict "labels" $labels) .) . (and (hasKey . "alert") (gt (len $labels) 0))) -}}
{{- end -}}
{{- $own = append $own (merge (dict "rules" $rules) $group) -}}
{{- end -}}
{{- with $own }}{{ $_ := set $files "own" . }}{{ end -}}
{{- end -}}
{{- $files | toJson -}}
{{- end -}}

{{- define "observability-stack.hasRules" -}}
{{- $rules := .Values.rules -}}
{{- if and .Values.metrics.enabled .Values.server.enabled $rules.enabled (or $rules.groups (has true (values $rules.files))) }}true{{ end -}}
{{- end -}}

{{/* Whether Prometheus evaluates the rules itself. */}}
{{- define "observability-stack.evaluatesRules" -}}
{{- if and (include "observability-stack.hasRules" .) (not (include "observability-stack.prometheusIsAgent" .)) }}true{{ end -}}
{{- end -}}

{{/* Data of the ConfigMap: a file for each subject or, in agent mode, one file for AMP. */}}
{{- define "observability-stack.rulesData" -}}
{{- $data := dict -}}
{{- $every := list -}}
{{- range $name, $groups := include "observability-stack.ruleFiles" . | fromJson -}}
{{- $_ := set $data (printf "%s.yaml" $name) (dict "groups" $groups | toYaml) -}}
{{- $every = concat $every $groups -}}
{{- end -}}
{{- if include "observability-stack.prometheusIsAgent" . }}{{ $data = dict "amp-rules.yaml" (dict "groups" $every | toYaml) }}{{ end -}}
{{- $data | toYaml -}}
{{- end -}}

{{/* How to load the rules into AMP, for NOTES. */}}
{{- define "observability-stack.rulesNotes" -}}
{{- if and (include "observability-stack.hasRules" .) (include "observability-stack.prometheusIsAgent" .) }}
Rules: {{ ne "" (include "observability-stack.isVmagent" .) | ternary "vmagent" "Prometheus in agent mode" }} evaluates no rules. Save them for the backend that stores the samples:

  kubectl get configmap {{ include "observability-stack.componentName" (dict "root" . "component" "rules") }} --namespace {{ .Release.Namespace }} -o jsonpath='{.data.amp-rules\.yaml}' > amp-rules.yaml
{{- range include "observability-stack.remotesWithDefaults" . | fromJsonArray }}
{{- $workspace := include "observability-stack.ampWorkspace" .url | fromJson }}
{{- if and $workspace.region $workspace.id }}
{{- $arguments := printf "--region %s --workspace-id %s --name %s" $workspace.region $workspace.id $.Release.Name }}

Load them into the workspace once, for all clusters that write to it. To update them, use put-rule-groups-namespace:

  aws amp create-rule-groups-namespace {{ $arguments }} --data fileb://amp-rules.yaml
  aws amp delete-rule-groups-namespace {{ $arguments }}    # after an uninstall
{{- end }}
{{- end }}
{{- else if and (include "observability-stack.hasRules" .) (gt (int .Values.server.shards) 1) }}
Rules: each shard evaluates them on the samples of its own targets. Rules that combine several jobs or count targets are incomplete. Use agents (server.mode: agent), and a backend that evaluates the rules.
{{- end -}}
{{- end -}}
