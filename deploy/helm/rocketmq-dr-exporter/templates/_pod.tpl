{{/* The pod, the same in a Deployment and in a StatefulSet. */}}

{{- define "rocketmq-dr-exporter.pod" -}}
metadata:
  labels:
    {{- $shard := ternary (dict "rocketmq-dr/shard" .shard) dict (not (empty .shard)) }}
    {{- include "rocketmq-dr-exporter.labelsAnd" (list . (merge $shard (default dict .Values.podLabels))) | nindent 4 }}
  annotations:
    {{- $annotations := dict "kubectl.kubernetes.io/default-container" "exporter" }}
    {{- if and (not .Values.existingConfigMap) (not .Values.simulator.enabled) }}
    {{- $_ := include "rocketmq-dr-exporter.configuration" . | sha256sum | set $annotations "checksum/config" }}
    {{- end }}
    {{- toYaml (merge (dict) (default dict .Values.podAnnotations) $annotations) | nindent 4 }}
spec:
  serviceAccountName: {{ include "rocketmq-dr-exporter.serviceAccountName" . | quote }}
  # Only the Lease needs the token.
  automountServiceAccountToken: {{ .Values.ha.enabled }}
  # The variables that Kubernetes injects for a Service look like settings.
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ int .Values.terminationGracePeriodSeconds }}
  {{- with .Values.podSecurityContext }}
  securityContext:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- range $key := list "affinity" "dnsConfig" "hostAliases" "imagePullSecrets" "initContainers" "nodeSelector" "priorityClassName" "tolerations" }}
  {{- with index $.Values $key }}
  {{ $key }}:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- end }}
  {{- if .Values.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- toYaml .Values.topologySpreadConstraints | nindent 4 }}
  {{- else if .Values.ha.enabled }}
  topologySpreadConstraints:
    - maxSkew: 1
      topologyKey: kubernetes.io/hostname
      whenUnsatisfiable: ScheduleAnyway
      labelSelector:
        matchLabels:
          {{- include "rocketmq-dr-exporter.podSelector" . | nindent 10 }}
  {{- end }}
  containers:
    - name: exporter
      image: {{ include "rocketmq-dr-exporter.image" . | quote }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args:
        {{- if .Values.simulator.enabled }}
        - demo
        - --scenario={{ .Values.simulator.scenario }}
        - --plans={{ int .Values.simulator.plans }}
        {{- else }}
        - serve
        {{- end }}
        {{- with .Values.extraArgs }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
      {{- with .Values.securityContext }}
      securityContext:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      ports:
        - name: http
          containerPort: 10063
      {{- with include "rocketmq-dr-exporter.env" . | trim }}
      env:
        {{- . | nindent 8 }}
      {{- end }}
      {{- with .Values.extraEnvFrom }}
      envFrom:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- $healthy := dict "httpGet" (dict "path" "/-/healthy" "port" "http") }}
      {{- $ready := dict "httpGet" (dict "path" "/-/ready" "port" "http") }}
      {{- if include "rocketmq-dr-exporter.isGuarded" . }}
      {{- /* A probe has neither the password nor the certificate. */}}
      {{- $healthy = dict "tcpSocket" (dict "port" "http") }}
      {{- $ready = $healthy }}
      {{- end }}
      {{- range $probe, $asked := dict "livenessProbe" $healthy "readinessProbe" $ready "startupProbe" $healthy }}
      {{- with index $.Values $probe }}
      {{ $probe }}:
        {{- if or (hasKey . "httpGet") (hasKey . "exec") (hasKey . "tcpSocket") (hasKey . "grpc") }}
        {{- toYaml . | nindent 8 }}
        {{- else }}
        {{- toYaml (merge (dict) . $asked) | nindent 8 }}
        {{- end }}
      {{- end }}
      {{- end }}
      {{- with .Values.resources }}
      resources:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      {{- with include "rocketmq-dr-exporter.volumeMounts" . | trim }}
      volumeMounts:
        {{- . | nindent 8 }}
      {{- end }}
    {{- with .Values.extraContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with include "rocketmq-dr-exporter.volumes" . | trim }}
  volumes:
    {{- . | nindent 4 }}
  {{- end }}
{{- end }}

{{/* The settings that are not in the file. */}}
{{- define "rocketmq-dr-exporter.env" -}}
{{- if not .Values.simulator.enabled }}
- name: ROCKETMQ_DR_CONFIG__FILE
  value: /etc/rocketmq-dr-exporter/config.yaml
{{- end }}
{{- if include "rocketmq-dr-exporter.secretName" . }}
- name: ROCKETMQ_DR_API__ACCESS_KEY_ID_FILE
  value: /run/secrets/rocketmq-dr-exporter/access-key-id
- name: ROCKETMQ_DR_API__ACCESS_KEY_SECRET_FILE
  value: /run/secrets/rocketmq-dr-exporter/access-key-secret
{{- if .Values.credentials.securityTokenKey }}
- name: ROCKETMQ_DR_API__SECURITY_TOKEN_FILE
  value: /run/secrets/rocketmq-dr-exporter/security-token
{{- end }}
{{- end }}
{{- if .Values.web.existingSecret }}
- name: ROCKETMQ_DR_WEB__CONFIG_FILE
  value: /etc/rocketmq-dr-exporter-web/web-config.yml
{{- end }}
{{- if gt (int .Values.shards) 1 }}
- name: ROCKETMQ_DR_SHARD__INDEX
  {{- if .Values.ha.enabled }}
  value: {{ .shard | quote }}
  {{- else }}
  valueFrom:
    fieldRef:
      fieldPath: metadata.labels['apps.kubernetes.io/pod-index']
  {{- end }}
- name: ROCKETMQ_DR_SHARD__TOTAL
  value: {{ .Values.shards | quote }}
{{- end }}
{{- if .Values.ha.enabled }}
- name: ROCKETMQ_DR_HA__LEASE
  value: {{ include "rocketmq-dr-exporter.fullname" . | quote }}
- name: ROCKETMQ_DR_HA__LEASE_DURATION
  value: {{ .Values.ha.leaseDuration | quote }}
{{- end }}
{{- with .Values.proxy.https }}
- name: HTTPS_PROXY
  value: {{ . | quote }}
{{- end }}
{{- with .Values.proxy.noProxy }}
- name: NO_PROXY
  value: {{ . | quote }}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "rocketmq-dr-exporter.volumeMounts" -}}
{{- if not .Values.simulator.enabled }}
- name: config
  mountPath: /etc/rocketmq-dr-exporter
  readOnly: true
{{- end }}
{{- if include "rocketmq-dr-exporter.secretName" . }}
{{- /* The folder: what is mounted by subPath stays as it is until the pod is replaced. */}}
- name: credentials
  mountPath: /run/secrets/rocketmq-dr-exporter
  readOnly: true
{{- end }}
{{- if .Values.web.existingSecret }}
- name: web
  mountPath: /etc/rocketmq-dr-exporter-web
  readOnly: true
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "rocketmq-dr-exporter.volumes" -}}
{{- if not .Values.simulator.enabled }}
- name: config
  configMap:
    name: {{ include "rocketmq-dr-exporter.configMapName" . | quote }}
{{- end }}
{{- with include "rocketmq-dr-exporter.secretName" . }}
- name: credentials
  secret:
    secretName: {{ . | quote }}
    defaultMode: 0440
    items:
      - key: {{ $.Values.credentials.accessKeyIdKey | quote }}
        path: access-key-id
      - key: {{ $.Values.credentials.accessKeySecretKey | quote }}
        path: access-key-secret
      {{- with $.Values.credentials.securityTokenKey }}
      - key: {{ . | quote }}
        path: security-token
      {{- end }}
{{- end }}
{{- with .Values.web.existingSecret }}
- name: web
  secret:
    secretName: {{ . | quote }}
    defaultMode: 0440
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}
