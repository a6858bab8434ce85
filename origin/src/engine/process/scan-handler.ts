import { fail } from '@media-proxy/shared/response/failure.ts'
import type { ModelOptions } from '../scan-model.ts'
import type { JobHandler } from './job-handler.ts'
import { loadScan } from './scan/scan.ts'

/** Opens the role that runs the scan model. Throws when the model cannot be used. */
export async function openScanHandler(model: ModelOptions): Promise<JobHandler> {
  const scan = await loadScan(model)
  return {
    ready: { renderer: '', libav: null },
    releaseMemory: () => undefined,
    async work(job, images) {
      if (job.kind !== 'scan') throw new Error(`a job of the kind ${job.kind} for the model`)
      try {
        return { result: { kind: 'scanned', predictions: [...(await scan(images))] } }
      } catch (error) {
        const detail = error instanceof Error ? error.message : String(error)
        return { result: fail('scan-failed', detail.split('\n', 1).join('').slice(0, 300)) }
      }
    },
  }
}
