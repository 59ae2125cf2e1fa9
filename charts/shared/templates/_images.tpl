{{/* Images and pull secrets. */}}

{{/* Full name of an image: dict "root" $ "image" <map>. Mirrors of Docker Hub know images without a namespace as library/<image>. */}}
{{- define "shared.image" -}}
{{- $upstream := .image.registry | default "docker.io" -}}
{{- $mirror := get .root.Values.global.imageRegistries $upstream -}}
{{- $registry := coalesce $mirror .root.Values.global.imageRegistry .image.registry -}}
{{- $official := and (ne $mirror "") (eq $upstream "docker.io") (not (contains "/" .image.repository)) -}}
{{- $name := list $registry (ternary "library" "" $official) .image.repository | compact | join "/" -}}
{{- if .image.digest -}}
{{- printf "%s@%s" $name .image.digest -}}
{{- else -}}
{{- printf "%s:%s" $name .image.tag -}}
{{- end -}}
{{- end -}}

{{/* Pull secrets, global ones first, each once; argument: the root. */}}
{{- define "shared.imagePullSecrets" -}}
{{- $secrets := list -}}
{{- range concat .Values.global.imagePullSecrets .Values.imagePullSecrets -}}
{{- $secrets = append $secrets (ternary (dict "name" .) . (kindIs "string" .)) -}}
{{- end -}}
{{- if $secrets -}}
{{- $secrets | uniq | toYaml -}}
{{- end -}}
{{- end -}}
