{{/* Names, labels, and conditions that several templates use. */}}

{{- define "rocketmq-dr-exporter.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* At most 50 characters: the index of a shard, the letter of a replica and hashes follow. */}}
{{- define "rocketmq-dr-exporter.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- $name := include "rocketmq-dr-exporter.name" . }}
{{- if contains $name .Release.Name }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name $name | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}
{{- end }}

{{- define "rocketmq-dr-exporter.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride }}
{{- end }}

{{/* The metadata of an object of `root`. Its own name, suffix, namespace, labels and annotations
     may be left out. */}}
{{- define "rocketmq-dr-exporter.metadata" -}}
{{- $name := default (include "rocketmq-dr-exporter.fullname" .root) .name }}
metadata:
  name: {{ printf "%s%s" $name (default "" .suffix) | quote }}
  namespace: {{ default (include "rocketmq-dr-exporter.namespace" .root) .namespace | quote }}
  labels:
    {{- include "rocketmq-dr-exporter.labelsAnd" (list .root .labels) | nindent 4 }}
  {{- with merge (dict) (default dict .annotations) (default dict .root.Values.commonAnnotations) }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}

{{/* The labels of the pods of one workload; `shard` where a pair has a Deployment of its own. */}}
{{- define "rocketmq-dr-exporter.podSelector" -}}
{{- include "rocketmq-dr-exporter.selectorLabels" . }}
{{- with .shard }}
rocketmq-dr/shard: {{ . | quote }}
{{- end }}
{{- end }}

{{- define "rocketmq-dr-exporter.selectorLabels" -}}
app.kubernetes.io/name: {{ include "rocketmq-dr-exporter.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{/* The labels of everything, and those of one kind. What the values say goes before what the
     chart says, but for what is selected by. */}}
{{- define "rocketmq-dr-exporter.labelsAnd" -}}
{{- $own := last . }}
{{- with first . }}
{{- $chart := printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- $recommended := dict
      "app.kubernetes.io/version" (.Chart.AppVersion | replace "+" "_")
      "app.kubernetes.io/component" "exporter"
      "app.kubernetes.io/part-of" "rocketmq-dr"
      "app.kubernetes.io/managed-by" .Release.Service
      "helm.sh/chart" $chart }}
{{- $selectors := include "rocketmq-dr-exporter.selectorLabels" . | fromYaml }}
{{- toYaml (merge $selectors (default dict $own) (default dict .Values.commonLabels) $recommended) }}
{{- end }}
{{- end }}

{{- define "rocketmq-dr-exporter.image" -}}
{{- $name := .Values.image.repository }}
{{- with .Values.image.registry }}{{ $name = printf "%s/%s" . $name }}{{ end }}
{{- if not .Values.image.repository }}
{{- $image := printf "REGISTRY/rocketmq-dr-exporter:%s" .Chart.AppVersion }}
{{- fail (printf "image.repository is not given. The chart of a release has it; for this chart build an image and push it (docker build --tag %s . && docker push %s), then set image.repository=REGISTRY/rocketmq-dr-exporter" $image $image) }}
{{- end }}
{{- if .Values.image.digest }}
{{- printf "%s@%s" $name .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" $name (default .Chart.AppVersion .Values.image.tag) }}
{{- end }}
{{- end }}

{{- define "rocketmq-dr-exporter.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "rocketmq-dr-exporter.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "rocketmq-dr-exporter.configMapName" -}}
{{- default (include "rocketmq-dr-exporter.fullname" .) .Values.existingConfigMap }}
{{- end }}

{{/* Empty if there is no access key. */}}
{{- define "rocketmq-dr-exporter.secretName" -}}
{{- if .Values.credentials.existingSecret }}
{{- .Values.credentials.existingSecret }}
{{- else if .Values.credentials.accessKeyId }}
{{- include "rocketmq-dr-exporter.fullname" . }}
{{- end }}
{{- end }}

{{- define "rocketmq-dr-exporter.metricsPath" -}}
{{- $web := default dict (default dict .Values.config).web }}
{{- default "/metrics" $web.telemetry_path }}
{{- end }}

{{/* Not empty if plain HTTP without a password may be refused. */}}
{{- define "rocketmq-dr-exporter.isGuarded" -}}
{{- if or .Values.web.existingSecret (eq .Values.web.scheme "https") }}true{{ end }}
{{- end }}

{{/* Contradictions that a schema cannot express. */}}
{{- define "rocketmq-dr-exporter.checked" -}}
{{- if gt (int .Values.replicaCount) 1 }}
{{- fail (printf "replicaCount %d: each replica would ask the cloud for everything. Set ha.enabled for a pair of which one polls (ha.replicas for more), or shards for several that share the routes." (int .Values.replicaCount)) }}
{{- end }}
{{- with .Values.credentials }}
{{- if and .securityTokenKey (not .existingSecret) }}
{{- fail "credentials.securityTokenKey is a key of existingSecret, which is not given." }}
{{- end }}
{{- if and .existingSecret (or .accessKeyId .accessKeySecret) }}
{{- fail "credentials: existingSecret and accessKeyId are both given; leave one out." }}
{{- end }}
{{- if ne (empty .accessKeyId) (empty .accessKeySecret) }}
{{- fail "credentials: accessKeyId and accessKeySecret belong together; one of them is missing." }}
{{- end }}
{{- if and .rrsaRoleName (or .existingSecret .accessKeyId) }}
{{- fail "credentials: a role (rrsaRoleName) and an access key are both given; leave one out." }}
{{- end }}
{{- end }}
{{- if and .Values.credentials.rrsaRoleName (not .Values.serviceAccount.create) }}
{{- fail "credentials.rrsaRoleName is an annotation of the service account: it needs serviceAccount.create." }}
{{- end }}
{{- if and (gt (int .Values.shards) 1) (not .Values.ha.enabled) (semverCompare "<1.28.0-0" .Capabilities.KubeVersion.Version) }}
{{- fail (printf "shards above 1 need Kubernetes 1.28, which tells a pod its index; this is %s. Set shards=1, or ha.enabled=true, which does without. (helm template and helm lint take the version by --kube-version.)" .Capabilities.KubeVersion.Version) }}
{{- end }}
{{- if and .Values.config .Values.existingConfigMap }}
{{- fail "config and existingConfigMap are both given; leave one out." }}
{{- end }}
{{- with .Values.credentials }}
{{- $secret := dict }}
{{- if and .existingSecret (not $.Values.namespaceOverride) }}
{{- $secret = lookup "v1" "Secret" $.Release.Namespace .existingSecret }}
{{- end }}
{{- range $value := list "accessKeyIdKey" "accessKeySecretKey" "securityTokenKey" }}
{{- $key := index $.Values.credentials $value }}
{{- if and $secret $key (not (hasKey (default dict $secret.data) $key)) }}
{{- fail (printf "credentials.existingSecret: the Secret %s has no key %s, only: %s. Set credentials.%s, or add the key to the Secret." $secret.metadata.name $key (keys (default dict $secret.data) | sortAlpha | join ", ") $value) }}
{{- end }}
{{- end }}
{{- end }}
{{- if .Values.simulator.enabled }}
{{- if or .Values.config .Values.existingConfigMap (include "rocketmq-dr-exporter.secretName" .) .Values.credentials.rrsaRoleName (include "rocketmq-dr-exporter.isGuarded" .) .Values.ha.enabled (gt (int .Values.shards) 1) }}
{{- fail "simulator.enabled takes no config, credentials, web, ha or shards: its exporter knows the simulated cloud alone. Use extraArgs." }}
{{- end }}
{{- end }}
{{- end }}
