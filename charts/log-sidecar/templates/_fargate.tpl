{{/* Pods on Fargate: what Fargate does not run, and the size that it provisions. */}}

{{/* Whether the values place the pods on Fargate: with the label that selects a Fargate profile, or the label of Fargate's nodes. */}}
{{- define "log-sidecar.onFargate" -}}
{{- if or (hasKey .Values.podLabels "eks.amazonaws.com/fargate-profile") (eq "fargate" (get .Values.nodeSelector "eks.amazonaws.com/compute-type")) }}true{{ end -}}
{{- end -}}

{{/*
The containers of the pod, as a JSON list: "path" of the resources in the values, or of the list that has the container of this
"name"; "resources", "securityContext" and "ports"; and "starts", whether it ends before the application starts.
*/}}
{{- define "log-sidecar.fargateContainers" -}}
{{- $values := .Values -}}
{{- $key := include "log-sidecar.engineKey" . -}}
{{- $own := get $values.sidecar $key -}}
{{- $containers := list (merge (dict "path" "app") (pick $values.app "resources" "securityContext" "ports")) -}}
{{- if include "log-sidecar.sidecars" . | fromJsonArray -}}
{{- $path := ternary (printf "sidecar.%s" $key) "sidecar" (hasKey $own "resources") -}}
{{- $sidecar := dict "path" $path "resources" ($own.resources | default $values.sidecar.resources) "securityContext" ($own.securityContext | default $values.sidecar.securityContext) -}}
{{- range include "log-sidecar.sidecars" . | fromJsonArray }}{{ $containers = append $containers $sidecar }}{{ end -}}
{{- end -}}
{{- range $list := list "extraContainers" "extraInitContainers" -}}
{{- range get $values $list -}}
{{- $starts := and (eq $list "extraInitContainers") (ne "Always" (.restartPolicy | default "")) -}}
{{- $containers = append $containers (merge (dict "path" $list "starts" $starts "resources" (.resources | default dict)) (pick . "name" "securityContext" "ports")) -}}
{{- end -}}
{{- end -}}
{{- $containers | toJson -}}
{{- end -}}

{{/* A quantity as a number of cores or bytes: dict "name" <cpu or memory> "quantity" <text or number, or nothing>. */}}
{{- define "log-sidecar.fargateAmount" -}}
{{- $text := .quantity | default 0 | toString -}}
{{- if eq .name "memory" }}{{ include "log-sidecar.quantityBytes" $text }}{{ else if hasSuffix "m" $text }}{{ divf (trimSuffix "m" $text) 1000 }}{{ else }}{{ $text }}{{ end -}}
{{- end -}}

{{/* Whether a container lacks a limit of CPU or memory, or requests another amount. Argument: its resources. */}}
{{- define "log-sidecar.fargateUnequal" -}}
{{- range $name := list "cpu" "memory" -}}
{{- $quantity := dig "limits" $name 0 $ -}}
{{- $limit := include "log-sidecar.fargateAmount" (dict "name" $name "quantity" $quantity) | float64 -}}
{{- $request := include "log-sidecar.fargateAmount" (dict "name" $name "quantity" (dig "requests" $name $quantity $)) | float64 -}}
{{- if or (eq $limit 0.0) (ne $request $limit) }}true{{ end -}}
{{- end -}}
{{- end -}}

{{/*
The size that Fargate provisions, as a JSON map: "vcpu" and "gb", missing if no size is enough, and "cpu" and "memory" (GiB), the
requests and 256 MiB for Kubernetes. Source: fargate-pod-configuration.adoc of the EKS user guide. It does not mention native
sidecars, which run as long as the application and count with it here.
*/}}
{{- define "log-sidecar.fargateSize" -}}
{{- $runs := dict "cpu" 0 "memory" 0 -}}
{{- $starts := dict "cpu" 0 "memory" 0 -}}
{{- range $container := include "log-sidecar.fargateContainers" . | fromJsonArray -}}
{{- $resources := merge (dict) ($container.resources.requests | default dict) ($container.resources.limits | default dict) -}}
{{- range $name := list "cpu" "memory" -}}
{{- $amount := include "log-sidecar.fargateAmount" (dict "name" $name "quantity" (get $resources $name)) -}}
{{- if $container.starts }}{{ $_ := set $starts $name (maxf (get $starts $name) $amount) }}{{ else }}{{ $_ := set $runs $name (addf (get $runs $name) $amount) }}{{ end -}}
{{- end -}}
{{- end -}}
{{- $size := dict "cpu" (maxf $runs.cpu $starts.cpu) "memory" (divf (addf (maxf $runs.memory $starts.memory) 268435456) 1073741824) -}}
{{- /* vCPU, and least, greatest and increment of memory in GB. */ -}}
{{- range list (list 0.25 0.5 2 1) (list 0.5 1 4 1) (list 1 2 8 1) (list 2 4 16 1) (list 4 8 30 1) (list 8 16 60 4) (list 16 32 120 8) -}}
{{- if and (not $size.vcpu) (le $size.cpu (index . 0 | float64)) (le $size.memory (index . 2 | float64)) -}}
{{- $rounded := mulf (divf $size.memory (index . 3) | ceil) (index . 3) -}}
{{- $size = merge $size (dict "vcpu" (index . 0) "gb" (ternary (index . 1) $rounded (le $size.memory (index . 1 | float64)))) -}}
{{- end -}}
{{- end -}}
{{- $size | toJson -}}
{{- end -}}

{{- define "log-sidecar.checkFargate" -}}
{{- if include "log-sidecar.onFargate" . -}}
{{- include "log-sidecar.reject" (list (eq .Values.app.kind "DaemonSet") "`app.kind` is DaemonSet, which Fargate does not run." "app.kind" "Deployment") }}
{{- $volume := .Values.logs.volume }}
{{- include "log-sidecar.reject" (list (and (eq $volume.type "persistentVolumeClaim") (not $volume.persistentVolumeClaim.existingClaim))
  "`logs.volume.type` is persistentVolumeClaim, but Fargate creates no volumes: it mounts only existing EFS file systems."
  "logs.volume.persistentVolumeClaim.existingClaim" "my-efs-claim" "logs.volume.type" "emptyDir") }}
{{- range .Values.extraVolumes }}
{{- include "log-sidecar.reject" (list (hasKey . "hostPath") (printf "The volume %s of `extraVolumes` is a hostPath, which Fargate does not mount." .name)
  "extraVolumes" (list (dict "name" .name "emptyDir" (dict "sizeLimit" "1Gi")))) }}
{{- end }}
{{- range $container := include "log-sidecar.fargateContainers" . | fromJsonArray | uniq }}
{{- $of := .name | empty | ternary (printf "`%s`" .path) (printf "The container %s of `%s`" .name .path) }}
{{- $unequal := include "log-sidecar.fargateUnequal" .resources }}
{{- $equal := pick (merge (dict) (.resources.limits | default dict) (.resources.requests | default dict) (dict "cpu" "100m" "memory" "128Mi")) "cpu" "memory" }}
{{- range list
  (list $unequal "has CPU and memory requests other than its limits, but Fargate requires equal ones." "resources" (dict "requests" $equal "limits" $equal))
  (list (.securityContext | default dict).privileged "is privileged, which Fargate does not allow." "securityContext" (dict "privileged" false))
  (list (contains "hostPort" (toJson .ports)) "has a hostPort, which Fargate does not support." "ports" list)
}}
{{- $instead := dict (index . 2) (index . 3) }}
{{- include "log-sidecar.reject" (list (index . 0) (printf "%s %s" $of (index . 1)) $container.path (ternary $instead (list (merge (pick $container "name") $instead)) (empty $container.name))) }}
{{- end }}
{{- end }}
{{- $account := .Values.serviceAccount }}
{{- range include "log-sidecar.activeOutputs" . | fromJsonArray }}
{{- include "log-sidecar.reject" (list (and .signs $account.create (not (include "log-sidecar.roleOf" $account)))
  (printf "`outputs.%s` requires AWS credentials, but Fargate has no Pod Identity and no role of the node: only the role of the service account (IRSA)." .name)
  "serviceAccount.roleArn" "arn:aws:iam::111122223333:role/logs") }}
{{- end }}
{{- $size := include "log-sidecar.fargateSize" . | fromJson }}
{{- include "log-sidecar.reject" (list (not $size.vcpu)
  (printf "The containers request %v vCPU and, with 256 MiB for Kubernetes, %.2f GiB of memory. Fargate has up to 16 vCPU and 120 GB: reduce the requests." $size.cpu $size.memory)) }}
{{- end -}}
{{- end -}}

{{- define "log-sidecar.fargateNotes" -}}
{{- if include "log-sidecar.onFargate" . -}}
{{- $size := include "log-sidecar.fargateSize" . | fromJson }}

Fargate provisions {{ $size.vcpu }} vCPU and {{ $size.gb }} GB for each pod: the containers request {{ $size.cpu }} vCPU and, with 256 MiB for Kubernetes, {{ printf "%.2f" $size.memory }} GiB. The annotation CapacityProvisioned of a pod shows its size. Fargate's log router delivers what the containers print (docs/fargate.md).
{{- end }}
{{- end -}}
