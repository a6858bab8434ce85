/** The reviewed images. Each consists of the rendition itself and a line of facts for reviewers. */

import { existsSync } from 'node:fs'
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CASES, type PictureCase } from './cases.ts'
import { type Facts, factsOf } from './facts.ts'
import { framesOf } from './frames.ts'
import { similarity } from './score.ts'

const FOLDER = join(import.meta.dirname, 'goldens')
const FACTS_FILE = join(FOLDER, 'facts.json')

export interface Golden {
  readonly picture: Buffer
  readonly facts: Facts
  readonly sizeBytes: number
}

type Recorded = Readonly<Record<string, Facts & { readonly sizeBytes: number }>>

/** Returns the golden of a case. Undefined when there is none yet. */
export async function readGolden({ name }: PictureCase): Promise<Golden | undefined> {
  const file = existsSync(FOLDER) ? (await readdir(FOLDER)).find((entry) => isOf(entry, name)) : undefined
  const recorded = existsSync(FACTS_FILE)
    ? (JSON.parse(await readFile(FACTS_FILE, 'utf8')) as Recorded)[name]
    : undefined
  if (file === undefined || recorded === undefined) return undefined
  const { sizeBytes, ...facts } = recorded
  return { picture: await readFile(join(FOLDER, file)), facts, sizeBytes }
}

/** Makes renditions the goldens of their cases, and removes goldens without a case. */
export async function writeGoldens(renditions: ReadonlyMap<PictureCase, Buffer>): Promise<void> {
  const recorded: Record<string, Facts> = {}
  for (const entry of await readdir(FOLDER)) await rm(join(FOLDER, entry))
  for (const [{ name }, bytes] of renditions) {
    const facts = await factsOf(bytes)
    recorded[name] = { sizeBytes: bytes.length, ...facts }
    await writeFile(join(FOLDER, `${name}.${EXTENSIONS[String(facts.format)] ?? facts.format}`), bytes)
  }
  const lines = Object.entries(recorded).map(
    ([name, facts]) => `${JSON.stringify(name)}: ${JSON.stringify(facts)}`,
  )
  await writeFile(FACTS_FILE, `{\n${lines.join(',\n')}\n}\n`)
}

const EXTENSIONS: Readonly<Record<string, string>> = { jpeg: 'jpg', heif: 'avif' }

function isOf(file: string, name: string): boolean {
  return file.slice(0, file.lastIndexOf('.')) === name
}

/** The size of a rendition may differ by this fraction, as it does with other builds of the encoders. */
const SIZE_TOLERANCE = 0.1

export interface Comparison {
  /** The similarity of each frame, 0 to 100. */
  readonly scores: readonly number[]
  /** The differences from the golden. Empty when there are none. */
  readonly faults: readonly string[]
}

/** Compares a rendition with its golden. */
export async function compareWithGolden(
  { bound }: PictureCase,
  golden: Golden,
  got: Buffer,
): Promise<Comparison> {
  const facts = await factsOf(got)
  const faults = [...new Set([...Object.keys(golden.facts), ...Object.keys(facts)])]
    .filter((name) => JSON.stringify(golden.facts[name]) !== JSON.stringify(facts[name]))
    .map((name) => `${name}: ${JSON.stringify(facts[name])} instead of ${JSON.stringify(golden.facts[name])}`)
  if (Math.abs(got.length / golden.sizeBytes - 1) > SIZE_TOLERANCE)
    faults.push(`${got.length} bytes instead of ${golden.sizeBytes}`)
  const [expected, shown] = await Promise.all([framesOf(golden.picture), framesOf(got)])
  const scores = expected.map((frame, at) => {
    const other = shown[at]
    const comparable = other !== undefined && other.width === frame.width && other.height === frame.height
    return comparable ? similarity(frame, other) : 0
  })
  for (const [frame, score] of scores.entries())
    if (score < bound) faults.push(`frame ${frame} is alike by ${score.toFixed(1)} instead of ${bound}`)
  return { scores, faults }
}

/** Returns the names of files in the folder that belong to no case. */
export async function strayGoldens(): Promise<readonly string[]> {
  const entries = (await readdir(FOLDER)).filter((entry) => entry !== 'facts.json')
  return entries.filter((entry) => !CASES.some(({ name }) => isOf(entry, name)))
}
