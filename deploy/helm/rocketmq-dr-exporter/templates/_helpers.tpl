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

{{- define "rocketmq-dr-exporter.selectorLabels" -}}
app.kubernetes.io/name: {{ include "rocketmq-dr-exporter.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- define "rocketmq-dr-exporter.labels" -}}
{{- include "rocketmq-dr-exporter.labelsAnd" (list . dict) }}
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
{{- if and (gt (int .Values.shards) 1) (semverCompare "<1.28.0-0" .Capabilities.KubeVersion.Version) }}
{{- fail (printf "shards above 1 need Kubernetes 1.28, which tells a pod its index; this is %s. (helm template and helm lint take it by --kube-version.)" .Capabilities.KubeVersion.Version) }}
{{- end }}
{{- if and .Values.config .Values.existingConfigMap }}
{{- fail "config and existingConfigMap are both given; leave one out." }}
{{- end }}
{{- range $name, $wanted := dict "rules" .Values.prometheusRule.enabled "alertmanager-config" .Values.alertmanagerConfig.enabled "dashboards" .Values.dashboards.enabled }}
{{- if and $wanted (not ($.Files.Glob (printf "files/%s/*" $name))) }}
{{- fail (printf "files/%s is not there: in the repository it is a link, which Flux, for one, leaves out. Take the chart as helm package packs it." $name) }}
{{- end }}
{{- end }}
{{- if .Values.simulator.enabled }}
{{- if or .Values.config .Values.existingConfigMap (include "rocketmq-dr-exporter.secretName" .) .Values.credentials.rrsaRoleName (include "rocketmq-dr-exporter.isGuarded" .) .Values.ha.enabled (gt (int .Values.shards) 1) }}
{{- fail "simulator.enabled takes no config, credentials, web, ha or shards: its exporter knows the simulated cloud alone. Use extraArgs." }}
{{- end }}
{{- end }}
{{- end }}
