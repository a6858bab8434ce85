/** The reviewed images: for each, the rendition itself, and a line of facts for readers. */

import { existsSync } from 'node:fs'
import { readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { CASES, type GoldenCase } from './cases.ts'
import { type Facts, factsOf } from './facts.ts'
import { framesOf } from './frames.ts'
import { similarity } from './score.ts'

const FOLDER = join(import.meta.dirname, 'goldens')
const FACTS_FILE = join(FOLDER, 'facts.json')

export interface Golden {
  readonly image: Buffer
  readonly facts: Facts
  readonly sizeBytes: number
}

type Recorded = Readonly<Record<string, Facts & { readonly sizeBytes: number }>>

/** Returns the golden of a case. Undefined when there is none yet. */
export async function readGolden({ name }: GoldenCase): Promise<Golden | undefined> {
  const file = existsSync(FOLDER) ? (await readdir(FOLDER)).find((entry) => isOf(entry, name)) : undefined
  const recorded = existsSync(FACTS_FILE)
    ? (JSON.parse(await readFile(FACTS_FILE, 'utf8')) as Recorded)[name]
    : undefined
  if (file === undefined || recorded === undefined) return undefined
  const { sizeBytes, ...facts } = recorded
  return { image: await readFile(join(FOLDER, file)), facts, sizeBytes }
}

/** Makes renditions the goldens of their cases, and removes the goldens of cases that no longer exist. */
export async function writeGoldens(renditions: ReadonlyMap<GoldenCase, Buffer>): Promise<void> {
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

/** How much larger or smaller a rendition may be, because builds of the encoders differ. */
const SIZE_TOLERANCE = 0.1

export interface Comparison {
  /** The similarity of each frame, 0 to 100. */
  readonly scores: readonly number[]
  /** What differs from the golden; empty when nothing does. */
  readonly faults: readonly string[]
}

/** Compares a rendition with its golden. */
export async function compareWithGolden(
  { bound }: GoldenCase,
  golden: Golden,
  got: Buffer,
): Promise<Comparison> {
  const facts = await factsOf(got)
  const faults = [...new Set([...Object.keys(golden.facts), ...Object.keys(facts)])]
    .filter((name) => JSON.stringify(golden.facts[name]) !== JSON.stringify(facts[name]))
    .map((name) => `${name}: ${JSON.stringify(facts[name])} instead of ${JSON.stringify(golden.facts[name])}`)
  if (Math.abs(got.length / golden.sizeBytes - 1) > SIZE_TOLERANCE)
    faults.push(`${got.length} bytes instead of ${golden.sizeBytes}`)
  const [expected, shown] = await Promise.all([framesOf(golden.image), framesOf(got)])
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
