{{- define "media-proxy.name" -}}
{{- if contains "media-proxy" .Release.Name }}{{ .Release.Name }}{{ else }}{{ .Release.Name }}-media-proxy{{ end }}
{{- end }}

{{- define "media-proxy.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "media-proxy.labels" -}}
{{ include "media-proxy.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}
