{{/* The pod that asks the demo application, for `helm test`. */}}
{{- define "log-sidecar.testPodSpec" -}}
{{- $port := (first .Values.app.service.ports).port | int -}}
restartPolicy: Never
serviceAccountName: {{ include "log-sidecar.serviceAccountName" . | quote }}
automountServiceAccountToken: false
{{- with include "log-sidecar.imagePullSecrets" . }}
imagePullSecrets:
  {{- . | nindent 2 }}
{{- end }}
{{- with .Values.podSecurityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with include "log-sidecar.nonEmpty" (dict "from" .Values "fields" (list "nodeSelector" "tolerations")) }}
{{ . }}
{{- end }}
containers:
  - name: ask
    image: {{ include "log-sidecar.image" (dict "root" . "image" .Values.app.image) | quote }}
    imagePullPolicy: {{ .Values.app.image.pullPolicy | quote }}
    command:
      - python3
      - -B
      - -c
      - |
        {{- .Files.Get "files/demo/ask.py" | nindent 8 }}
    args:
      - {{ printf "http://%s.%s.svc:%d" (include "log-sidecar.fullname" .) .Release.Namespace $port | quote }}
    resources:
      requests:
        cpu: 10m
        memory: 32Mi
      limits:
        memory: 64Mi
    {{- with .Values.app.securityContext }}
    securityContext:
      {{- toYaml . | nindent 6 }}
    {{- end }}
{{- end -}}
