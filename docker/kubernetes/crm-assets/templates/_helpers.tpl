{{- define "crm.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "crm.select" -}}
app.kubernetes.io/name: {{ .name }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- end }}

{{- define "crm.labels" -}}
{{ include "crm.select" . }}
app.kubernetes.io/part-of: crm-assets
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
helm.sh/chart: {{ .root.Chart.Name }}-{{ .root.Chart.Version }}
{{- end }}

{{/* The pod's user is that of the image (10001), or of another image. */}}
{{- define "crm.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ . }}
runAsGroup: {{ . }}
fsGroup: {{ . }}
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "crm.security" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* A process that is alive but slow must not be killed: liveness waits far longer than readiness. */}}
{{- define "crm.probes" -}}
startupProbe:
  httpGet: {path: {{ .live }}, port: http}
  periodSeconds: 5
  timeoutSeconds: 10
  failureThreshold: 60
readinessProbe:
  httpGet: {path: {{ .ready | default .live }}, port: http}
  periodSeconds: 20
  timeoutSeconds: 10
  failureThreshold: 3
livenessProbe:
  httpGet: {path: {{ .live }}, port: http}
  periodSeconds: 30
  timeoutSeconds: 20
  failureThreshold: 5
{{- end }}

{{- define "crm.service" -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ .name }}
  labels: {{- include "crm.labels" . | nindent 4 }}
spec:
  selector: {{- include "crm.select" . | nindent 4 }}
  ports:
    - {name: http, port: {{ .port }}, targetPort: http}
{{- end }}

{{- define "crm.serviceAccount" -}}
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ .name }}
  labels: {{- include "crm.labels" . | nindent 4 }}
  {{- with .annotations }}
  annotations: {{- toYaml . | nindent 4 }}
  {{- end }}
# Nothing here asks Kubernetes for anything.
automountServiceAccountToken: false
{{- end }}

{{/* Spread the pods of one deployment over nodes, where there are several. */}}
{{- define "crm.spread" -}}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{- include "crm.select" . | nindent 8 }}
{{- end }}
