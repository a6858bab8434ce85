import { engineArguments } from '@media-proxy/origin/assembly/starter.ts'
import { type EngineProcess, startEngineProcess } from '@media-proxy/origin/engine/engine-process.ts'

/** Starts one engine process for images, without libav and without isolation. */
export function startEngine(): EngineProcess {
  return startEngineProcess({
    args: engineArguments({
      role: 'media',
      libav: 'off',
      decoderMemoryBytes: 2 ** 29,
      temporaryFileBytes: 0,
    }),
    sandbox: {
      jobMemoryBytes: 2 ** 30,
      fileBytes: 0,
      niceness: 0,
      isolation: { network: 'shared', command: [] },
    },
  })
}
