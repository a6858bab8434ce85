import type { Config } from '@media-proxy/shared/config/schema.ts'
import { type EngineProcess, startEngineProcess } from '../engine/engine-process.ts'
import { findIsolation } from '../engine/sandbox.ts'
import type { ModelOptions } from '../engine/scan-model.ts'
import { type Classifier, createClassifier } from '../nsfw/classifier.ts'
import { modelOf } from '../nsfw/model.ts'
import type { Log } from '../telemetry/log.ts'
import { SCAN_NICENESS } from './engine.ts'
import { engineArguments } from './starter.ts'

/** Creates the configured classifier and starts to load its model. Undefined when scanning is disabled. */
export function openClassifier(config: Config, log: Log): Classifier | undefined {
  if (!config.nsfw.enabled || config.staticMode) return undefined
  const classifier = classifierOf(modelOf(config), config.nsfw.queuedScans, log)
  void classifier.loaded.then((fault) => {
    if (fault !== undefined) log.error({ detail: fault.detail }, 'NSFW scanning is disabled')
  })
  return classifier
}

/** Creates a classifier with a process for this model. */
export function classifierOf(model: ModelOptions, queue: number, log: Log): Classifier {
  return createClassifier({ start: scanProcesses(model), model: model.path, queue, log })
}

/** The memory that the runtime, its session and a batch take on top of an idle process, in bytes. */
const SCAN_MEMORY_BYTES = 1024 * 1024 * 1024

/** Returns a function that starts a process with this model. */
export function scanProcesses(model: ModelOptions): () => EngineProcess {
  const { path, layout, colours, threads } = model
  const args = engineArguments({ role: 'scan', path, layout, colours, threads })
  const sandbox = {
    jobMemoryBytes: SCAN_MEMORY_BYTES,
    fileBytes: 0,
    niceness: SCAN_NICENESS,
    isolation: findIsolation(),
  }
  return () => startEngineProcess({ args, sandbox })
}
