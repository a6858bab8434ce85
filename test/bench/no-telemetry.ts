/** Imported before onnxruntime, which reports to its maker unless it is told not to before it is loaded. */

import { ENGINE_ENVIRONMENT } from '@media-proxy/origin/engine/sandbox.ts'

Object.assign(process.env, { ORT_DISABLE_TELEMETRY: ENGINE_ENVIRONMENT.ORT_DISABLE_TELEMETRY })
