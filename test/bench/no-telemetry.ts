/** Imported before onnxruntime, which sends telemetry unless it is disabled before it is loaded. */

import { ENGINE_ENVIRONMENT } from '@media-proxy/origin/engine/sandbox.ts'

Object.assign(process.env, { ORT_DISABLE_TELEMETRY: ENGINE_ENVIRONMENT.ORT_DISABLE_TELEMETRY })
