import type { Config } from '@media-proxy/shared/config/schema.ts'
import { type EngineProcess, startEngineProcess } from '../engine/engine-process.ts'
import { findIsolation } from '../engine/sandbox.ts'
import type { ModelOptions } from '../engine/scan-model.ts'
import { type Classifier, createClassifier } from '../nsfw/classifier.ts'
import { modelOf } from '../nsfw/model.ts'
import type { Log } from '../telemetry/log.ts'
import { SCAN_NICENESS } from './engine.ts'
import { engineWords } from './starter.ts'

/** The classifier that a configuration asks for, loading its model; undefined where nothing is scanned. */
export function openClassifier(config: Config, log: Log): Classifier | undefined {
  if (!config.nsfw.enabled || config.staticMode) return undefined
  const classifier = classifierOf(modelOf(config), config.nsfw.queuedScans, log)
  void classifier.loaded.then((fault) => {
    if (fault !== undefined) log.error({ detail: fault.detail }, 'nothing is scanned')
  })
  return classifier
}

/** A classifier with a process that holds this model. */
export function classifierOf(model: ModelOptions, queue: number, log: Log): Classifier {
  return createClassifier({ start: scanProcesses(model), model: model.path, queue, log })
}

/** Memory that the runtime, its session and a batch take beside an idle process. */
const SCAN_MEMORY_BYTES = 1024 * 1024 * 1024

/** What starts a process that holds this model. */
export function scanProcesses(model: ModelOptions): () => EngineProcess {
  const { path, layout, colours, threads } = model
  const words = engineWords({ role: 'scan', path, layout, colours, threads })
  const sandbox = {
    jobMemoryBytes: SCAN_MEMORY_BYTES,
    fileBytes: 0,
    niceness: SCAN_NICENESS,
    isolation: findIsolation(),
  }
  return () => startEngineProcess({ words, sandbox })
}
