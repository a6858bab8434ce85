import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { scanProcesses } from '@media-proxy/origin/assembly/scan.ts'
import { MODEL_IMAGE_BYTES, type ModelOptions } from '@media-proxy/origin/engine/scan-model.ts'
import { type ClassifierOptions, createClassifier } from '@media-proxy/origin/nsfw/classifier.ts'
import { NSFW_MODEL } from '@media-proxy/origin/paths/paths.ts'
import { encodeModel, type Operation } from '@media-proxy/scripts/nsfw-model/onnx.ts'
import { isFailure } from '@media-proxy/shared/response/failure.ts'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { CANNOT_SCAN, ENDS, NEVER_ANSWERS, startFaultyProcess, THROWS } from './faulty-process.ts'

const log = pino({ level: 'silent' })
const bundled: ModelOptions = { path: NSFW_MODEL, layout: 'nhwc', colours: 'rgb', threads: 1 }
const never = new AbortController().signal

function open(options: Partial<ClassifierOptions> = {}) {
  return createClassifier({ start: scanProcesses(bundled), model: bundled.path, queue: 16, log, ...options })
}

/**
 * Runs a test with a classifier and closes it. A process that a test does not end would affect the next one.
 */
async function using(
  options: Partial<ClassifierOptions>,
  work: (classifier: ReturnType<typeof createClassifier>) => Promise<void>,
): Promise<void> {
  const classifier = open(options)
  try {
    await work(classifier)
  } finally {
    await classifier.close()
  }
}

/** Builds an image of one grey. Its first byte can also select what the faulty process does. */
const image = (value: number) => new Uint8Array(MODEL_IMAGE_BYTES).fill(value)

const failureOf = (result: unknown) => (isFailure(result) ? result.code : result)

let directory = ''
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'media-proxy-model-'))
})
afterAll(() => rm(directory, { recursive: true }))

describe('the bundled model', () => {
  it('returns the five probabilities of every frame of a source, in order', () =>
    using({}, async (classifier) => {
      expect(await classifier.loaded).toBeUndefined()
      expect(classifier.fault).toBeUndefined()
      const alone = await classifier.classify(image(20), never)
      const together = await classifier.classify(Buffer.concat([image(200), image(20)]), never)
      if (isFailure(alone) || isFailure(together)) throw new Error('not scanned')
      expect(together).toHaveLength(2)
      expect(together[0]).not.toEqual(together[1])
      for (const [name, value] of Object.entries(together[1] ?? {}))
        expect(value).toBeCloseTo(Object.entries(alone[0] ?? {}).find(([other]) => other === name)?.[1] ?? -1)
      for (const predictions of together)
        expect(Object.values(predictions).reduce((sum, value) => sum + value, 0)).toBeCloseTo(1)
    }))

  it('returns each of many concurrent callers its own result', () =>
    using({ queue: 64 }, async (classifier) => {
      const greys = Array.from({ length: 24 }, (_, index) => index * 10)
      const alone = new Map<number, unknown>()
      for (const grey of greys.slice(0, 3)) alone.set(grey, await classifier.classify(image(grey), never))
      const all = await Promise.all(greys.map((grey) => classifier.classify(image(grey), never)))
      for (const [index, grey] of greys.slice(0, 3).entries()) {
        const [first] = all[index] as readonly { neutral: number }[]
        const [expected] = alone.get(grey) as readonly { neutral: number }[]
        expect(first?.neutral).toBeCloseTo(expected?.neutral ?? -1)
      }
      expect(all.every((result) => !isFailure(result))).toBe(true)
    }))

  it('accepts scans before it is loaded', () =>
    using({}, async (classifier) => {
      expect(failureOf(classifier.fault)).toBe('not-ready')
      expect(await classifier.classify(image(0), never)).toHaveLength(1)
    }))
})

describe('another model', () => {
  /** Builds a model whose first three predictions are the means of the three channels of its input. */
  function averaging(layout: 'nhwc' | 'nchw', batch: number | string, bias = BIAS): Uint8Array {
    const pooled: Operation[] = [
      { type: 'GlobalAveragePool', inputs: [layout === 'nhwc' ? 'planes' : 'input'], output: 'means' },
      { type: 'Flatten', inputs: ['means'], output: 'flat' },
      { type: 'Gemm', inputs: ['flat', 'weights', 'bias'], output: 'prediction' },
    ]
    const transposed: Operation[] = [
      { type: 'Transpose', inputs: ['input'], output: 'planes', attributes: { perm: [0, 3, 1, 2] } },
    ]
    const weights = new Float32Array(15)
    for (const channel of [0, 1, 2]) weights[channel * 5 + channel] = SCALE
    return encodeModel({
      name: 'averaging',
      documentation: '',
      input: { name: 'input', shape: layout === 'nhwc' ? [batch, 224, 224, 3] : [batch, 3, 224, 224] },
      output: { name: 'prediction', shape: [batch, 5] },
      constants: [
        { name: 'weights', shape: [3, 5], data: weights },
        { name: 'bias', shape: [5], data: new Float32Array(5).fill(bias) },
      ],
      operations: layout === 'nhwc' ? [...transposed, ...pooled] : pooled,
    })
  }

  const SCALE = 1 / 300
  const BIAS = 0.45

  it.each([
    { layout: 'nhwc', colours: 'rgb', batch: 'N', input: [1, 0.2, 0] },
    { layout: 'nchw', colours: 'rgb', batch: 'N', input: [1, 0.2, 0] },
    { layout: 'nhwc', colours: 'bgr-caffe', batch: 1, input: [-103.939, 51 - 116.779, 255 - 123.68] },
    { layout: 'nchw', colours: 'bgr-caffe', batch: 1, input: [-103.939, 51 - 116.779, 255 - 123.68] },
  ] as const)('reads $layout and $colours, batch $batch', async ({ layout, colours, batch, input }) => {
    const path = join(directory, `${layout}-${colours}.onnx`)
    await writeFile(path, averaging(layout, batch))
    const orange = new Uint8Array(MODEL_IMAGE_BYTES)
    for (let at = 0; at < orange.length; at += 3) orange.set([255, 51, 0], at)
    await using(
      { start: scanProcesses({ ...bundled, path, layout, colours }), model: path },
      async (classifier) => {
        const result = await classifier.classify(Buffer.concat([image(0), orange]), never)
        if (isFailure(result)) throw new Error(JSON.stringify(result))
        const { drawing, hentai, neutral } = result[1] ?? {}
        for (const [index, value] of [drawing, hentai, neutral].entries())
          expect(value).toBeCloseTo((input[index] ?? 0) * SCALE + BIAS, 3)
      },
    )
  })

  it('with a batch of one image answers all callers in order', async () => {
    const path = join(directory, 'one-by-one.onnx')
    await writeFile(path, averaging('nhwc', 1))
    await using({ start: scanProcesses({ ...bundled, path }), model: path }, async (classifier) => {
      // Alternates large and small batches: a small one must not overtake a large one.
      const greys = [10, 60, 110, 160, 210]
      const results = await Promise.all(
        greys.map((grey, index) =>
          classifier.classify(Buffer.concat(new Array(index % 2 === 0 ? 4 : 1).fill(image(grey))), never),
        ),
      )
      for (const [index, result] of results.entries()) {
        if (isFailure(result)) throw new Error(JSON.stringify(result))
        for (const { drawing } of result)
          expect(drawing).toBeCloseTo(((greys[index] ?? 0) / 255) * SCALE + BIAS, 5)
      }
    })
  })

  it.each([
    ['that is missing', undefined, 'File doesn'],
    ['that is no model', () => Buffer.from('not a model'), 'Protobuf parsing failed'],
    ['that ends in the middle', () => averaging('nhwc', 'N').subarray(0, 200), 'Protobuf parsing failed'],
    ['of another shape than configured', () => averaging('nchw', 'N'), 'invalid dimensions'],
    ['whose output is no probability', () => averaging('nhwc', 'N', -1), 'prediction is no probability'],
    ['whose names are others', renamed, 'this one is input -> prognostic'],
  ] as const)('%s is reported as a fault, and no call hangs', async (why, make, expected) => {
    const path = join(directory, `${why}.onnx`)
    if (make !== undefined) await writeFile(path, make())
    await using({ start: scanProcesses({ ...bundled, path }), model: path }, async (classifier) => {
      const early = classifier.classify(image(0), never)
      const fault = await classifier.loaded
      expect(fault?.code).toBe('not-ready')
      expect(fault?.detail).toContain(path)
      expect(fault?.detail).toContain(expected)
      expect(fault?.detail).not.toContain('\n')
      expect(classifier.fault).toEqual(fault)
      expect(failureOf(await early)).toBe('not-ready')
      expect(failureOf(await classifier.classify(image(0), never))).toBe('not-ready')
    })
  })

  function renamed(): Uint8Array {
    const text = Buffer.from(averaging('nhwc', 'N')).toString('latin1')
    return Buffer.from(text.replaceAll('prediction', 'prognostic'), 'latin1')
  }
})

describe('a process with a fault', () => {
  const start = () => startFaultyProcess()

  it.each([
    ['ends', ENDS],
    ['throws', THROWS],
  ])('that %s fails its scan, and the next process scans again', async (_, byte) => {
    await using({ start }, async (classifier) => {
      expect(await classifier.loaded).toBeUndefined()
      expect(failureOf(await classifier.classify(image(byte), never))).toBe('scan-failed')
      expect(classifier.fault).toBeDefined()
      expect(await classifier.classify(image(0), never)).toHaveLength(1)
      expect(classifier.fault).toBeUndefined()
    })
  })

  it('that never loads its model is reported, and scans fail', () =>
    using(
      { start: () => startFaultyProcess({ args: ['--eval', 'throw new Error("no such library")'] }) },
      async (classifier) => {
        const early = classifier.classify(image(0), never)
        expect((await classifier.loaded)?.detail).toContain('no such library')
        expect(failureOf(await early)).toBe('not-ready')
      },
    ))

  it('that hangs is killed, and the next process scans again', () =>
    using({ start, batchTimeoutMs: 200 }, async (classifier) => {
      expect(failureOf(await classifier.classify(image(NEVER_ANSWERS), never))).toBe('scan-failed')
      expect(await classifier.classify(image(0), never)).toHaveLength(1)
    }))

  it('fails only the scan that it cannot do', () =>
    using({ start }, async (classifier) => {
      expect(failureOf(await classifier.classify(image(CANNOT_SCAN), never))).toBe('scan-failed')
      expect(classifier.fault).toBeUndefined()
      expect(await classifier.classify(image(0), never)).toHaveLength(1)
    }))

  it('rejects at once what does not fit in the queue', () =>
    using({ start, queue: 2 }, async (classifier) => {
      await classifier.loaded
      const stuck = [classifier.classify(image(NEVER_ANSWERS), never)]
      // Waits until the process has taken it from the queue.
      await expect.poll(() => classifier.waiting).toBe(0)
      const queued = [1, 2].map(() => classifier.classify(image(0), never))
      expect(classifier.waiting).toBe(2)
      expect(failureOf(await classifier.classify(image(0), never))).toBe('overloaded')
      await classifier.close()
      expect((await Promise.all(stuck)).map(failureOf)).toEqual(['scan-failed'])
      expect((await Promise.all(queued)).map(failureOf)).toEqual(['not-ready', 'not-ready'])
    }))

  it('releases callers that disconnect or time out, queued or in progress', () =>
    using({ start }, async (classifier) => {
      await classifier.loaded
      const leaver = new AbortController()
      const underWay = classifier.classify(image(NEVER_ANSWERS), leaver.signal)
      await expect.poll(() => classifier.waiting).toBe(0)
      const waiting = classifier.classify(image(0), leaver.signal)
      const late = classifier.classify(image(0), AbortSignal.timeout(20))
      expect(classifier.waiting).toBe(2)
      leaver.abort()
      expect(failureOf(await underWay)).toBe('client-gone')
      expect(failureOf(await waiting)).toBe('client-gone')
      expect(failureOf(await late)).toBe('deadline')
      expect(classifier.waiting).toBe(0)
      expect(failureOf(await classifier.classify(image(0), leaver.signal))).toBe('client-gone')
    }))
})
