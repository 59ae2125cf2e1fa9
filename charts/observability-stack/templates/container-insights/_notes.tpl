{{/* What an install with this part prints: how to see that it works, its policy, and what an uninstall leaves in AWS. */}}
{{- define "observability-stack.containerInsightsNotes" -}}
{{- end -}}
