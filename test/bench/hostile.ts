/**
 * `pnpm bench hostile`: sends thousands of damaged files of the corpus to the service and measures their
 * cost. Failing files are stored in `bench-results/hostile/` with their recipe.
 */

import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { CORPUS, corpusFiles, corpusFolders, readCorpus } from '../corpus/corpus.ts'
import { type RawResponse, send } from '../http.ts'
import { seededRandom } from '../seeded-random.ts'
import { percentile } from './latency.ts'
import { type BenchRow, inFlightWhile } from './measure.ts'
import { mutate, type NamedFile } from './mutate.ts'
import { largestEngineMib } from './process-snapshot.ts'
import { type BenchService, startService } from './service.ts'

/** The number of files is `BENCH_HOSTILE_FILES`, and the seed of the first one is `BENCH_HOSTILE_SEED`. */
const FILES = Number(process.env.BENCH_HOSTILE_FILES ?? 5000)
const FIRST_SEED = Number(process.env.BENCH_HOSTILE_SEED ?? 0)
const CLIENTS = 4
/**
 * The number of the routes below that are requested per file. All of them would use the same decoders again.
 */
const ROUTES_A_FILE = 3

const MAX_ENGINE_MIB = 1024
const MAX_CPU_SECONDS = 5
const LATE_MS = 20_000
/** Requests during which this much CPU time was used are repeated alone. */
const SUSPECT_CPU_SECONDS = 3
const MAX_SUSPECTS = 40
const SAMPLE_MS = 50
const SECRET = 'bench-secret'
const FOLDER = join(import.meta.dirname, '../../bench-results/hostile')

interface Route {
  readonly name: string
  readonly ask: (url: string, file: string) => Promise<RawResponse>
}

const attachment = (query: string): Route => ({
  name: `attachment${query}`,
  ask: (url, file) => send(url, `/attachments/1/${file}${query}`),
})
const internal = (path: string): Route => ({
  name: path,
  ask: (url, file) =>
    send(url, path, {
      method: 'POST',
      headers: { 'x-internal-secret': SECRET, 'content-type': 'application/json' },
      body: JSON.stringify({ type: 'upload', upload_filename: file }),
    }),
})
const ROUTES: readonly Route[] = [
  attachment(''),
  attachment('?width=64&format=webp'),
  attachment('?format=avif'),
  attachment('?format=png'),
  attachment('?animated=true&format=webp&width=200'),
  attachment('?time=50%25&format=webp'),
  internal('/_metadata'),
  internal('/_frames'),
  { name: 'avatar', ask: (url, file) => send(url, `/avatars/1/${baseName(file)}.webp?size=128`) },
]

interface Answer {
  /**
   * The seed of the file, which is regenerated on demand, because thousands of files take too much memory.
   */
  readonly seed: number
  readonly name: string
  readonly recipe: string
  readonly route: Route
  /** 0 when the connection broke. */
  readonly status: number
  readonly milliseconds: number
  /** The CPU time of all jobs that ended meanwhile, which is an upper bound for this one. */
  readonly cpuSeconds: number
  readonly requestId: string
}

export async function benchHostile(): Promise<readonly BenchRow[]> {
  if (CORPUS === undefined) throw new Error('MEDIA_CORPUS names no folder of media to break')
  rmSync(FOLDER, { recursive: true, force: true })
  mkdirSync(FOLDER, { recursive: true })
  const files = corpusFolders()
    .flatMap(corpusFiles)
    .map((name) => ({ name, bytes: readCorpus(name) }))
  const log = createLog()
  const service = await startService(SETTINGS, log.take)
  let engineMib = 0
  const sampler = setInterval(() => {
    engineMib = Math.max(engineMib, largestEngineMib(service.pid))
  }, SAMPLE_MS)
  let hasEnded = false
  void service.exited.then(() => {
    hasEnded = true
  })
  try {
    const answers = await askAll(service, files, () => hasEnded)
    clearInterval(sampler)
    const endedEarly = hasEnded ? 1 : 0
    const rejections = new Map(answers.map((answer) => [answer, log.rejections.get(answer.requestId) ?? '']))
    const costs = await costsOf(answers, files)
    keep(answers, files, rejections, costs)
    return rowsOf({ answers, rejections, costs, engineMib, endedEarly, lost: log.lost })
  } finally {
    clearInterval(sampler)
    await service.close()
  }
}

/** The cache is disabled, because it would answer instead of the engine. */
const SETTINGS = {
  MEDIA_PROXY_TELEMETRY_LOG_LEVEL: 'info',
  MEDIA_PROXY_CACHE_MEMORY_BYTES: '0',
  MEDIA_PROXY_SECRET_KEY: SECRET,
}

async function askAll(
  service: BenchService,
  files: readonly NamedFile[],
  hasEnded: () => boolean,
): Promise<readonly Answer[]> {
  const answers: Answer[] = []
  let usedSeconds = 0
  await inFlightWhile(
    (index) => index < FILES && !hasEnded(),
    CLIENTS,
    async (index) => {
      const seed = FIRST_SEED + index
      const mutant = mutate(files, seed)
      const name = `${seed}${extname(mutant.name)}`
      const keys = keysOf(name)
      for (const key of keys) await service.put(key, mutant.bytes)
      for (const route of routesOf(seed)) {
        const before = usedSeconds
        const startedAt = performance.now()
        // A broken connection is recorded as well, as the worst result.
        const answered = await route.ask(service.url, name).catch(() => undefined)
        const milliseconds = performance.now() - startedAt
        usedSeconds = Math.max(usedSeconds, await engineCpuSeconds(service.url))
        answers.push({
          seed,
          name,
          recipe: mutant.recipe,
          route,
          milliseconds,
          status: answered?.status ?? 0,
          cpuSeconds: usedSeconds - before,
          requestId: answered?.headers['x-request-id'] ?? '',
        })
      }
      for (const key of keys) await rm(join(service.directory, key))
      if (index % 100 === 0) console.log(`${index} of ${FILES} files`)
    },
  )
  return answers
}

/** Selects some of the routes, different ones for each seed. */
function routesOf(seed: number): readonly Route[] {
  const random = seededRandom(Math.imul(seed + 1, 0x85ebca6b))
  return ROUTES.map((route) => ({ route, at: random() }))
    .toSorted((a, b) => a.at - b.at)
    .slice(0, ROUTES_A_FILE)
    .map(({ route }) => route)
}

/** Repeats the suspicious requests, each alone in a service without a cached result. */
async function costsOf(
  answers: readonly Answer[],
  files: readonly NamedFile[],
): Promise<ReadonlyMap<Answer, number>> {
  const suspects = answers
    .filter(({ cpuSeconds }) => cpuSeconds > SUSPECT_CPU_SECONDS)
    .toSorted((a, b) => b.cpuSeconds - a.cpuSeconds)
    .slice(0, MAX_SUSPECTS)
  const costs = new Map<Answer, number>()
  if (suspects.length === 0) return costs
  const service = await startService(SETTINGS)
  try {
    for (const answer of suspects) {
      const { bytes } = mutate(files, answer.seed)
      for (const key of keysOf(answer.name)) await service.put(key, bytes)
      const before = await engineCpuSeconds(service.url)
      await answer.route.ask(service.url, answer.name)
      costs.set(answer, (await engineCpuSeconds(service.url)) - before)
    }
  } finally {
    await service.close()
  }
  return costs
}

async function engineCpuSeconds(url: string): Promise<number> {
  // A service that has crashed returns no metrics, and the row of its responses reports that.
  const answered = await send(url, '/_metrics').catch(() => undefined)
  const lines =
    answered?.body.toString().matchAll(/^media_proxy_engine_cpu_time_total\{[^}]*\} (\S+)/gm) ?? []
  return [...lines].reduce((sum, [, seconds]) => sum + Number(seconds), 0)
}

/** Collects from the log the reasons of rejections, and the jobs that ended their process. */
function createLog() {
  const rejections = new Map<string, string>()
  const lost: string[] = []
  return {
    rejections,
    lost,
    take(line: string) {
      const { msg, requestId, failure, detail, job } = JSON.parse(line)
      if (msg === 'a job ended its process') lost.push(`${job}: ${formatEnd(detail)}`)
      if (failure !== undefined) rejections.set(requestId, `${failure}: ${detail}`)
    },
  }
}

/** Formats the exit and, when code of the engine threw, the function that did. */
function formatEnd(detail: string): string {
  const thrower = /at (?:async )?(\S+) \(file:\S*\/engine\/process\//.exec(detail)?.[1]
  return thrower === undefined ? detail : `${detail.slice(0, detail.indexOf(' ', 7))} in ${thrower}`
}

interface Findings {
  readonly answers: readonly Answer[]
  readonly rejections: ReadonlyMap<Answer, string>
  readonly costs: ReadonlyMap<Answer, number>
  readonly engineMib: number
  readonly endedEarly: number
  readonly lost: readonly string[]
}

function rowsOf({ answers, rejections, costs, engineMib, endedEarly, lost }: Findings): readonly BenchRow[] {
  const times = answers.map(({ milliseconds }) => milliseconds)
  const costliest = [...costs].toSorted(([, a], [, b]) => b - a)[0]
  // Apart from the suspicious ones, no request took more than all concurrent ones together.
  const most = costliest?.[1] ?? Math.max(0, ...answers.map(({ cpuSeconds }) => cpuSeconds))
  return [
    {
      name: 'hostile: answers',
      value: answers.length,
      unit: 'count',
      note: formatCounts(answers.map(({ status }) => String(status))),
    },
    {
      name: 'hostile: 500 where it is not the contract',
      value: answers.filter(isDefect).length,
      unit: 'count',
      target: { atMost: 0 },
      note: formatCounts(answers.filter(isDefect).map((answer) => rejections.get(answer) ?? '')),
    },
    {
      name: 'hostile: connections that broke',
      value: answers.filter(({ status }) => status === 0).length,
      unit: 'count',
      target: { atMost: 0 },
    },
    { name: 'hostile: ends of the server', value: endedEarly, unit: 'count', target: { atMost: 0 } },
    {
      name: 'hostile: largest memory of an engine process',
      value: engineMib,
      unit: 'MiB',
      target: { atMost: MAX_ENGINE_MIB },
    },
    {
      name: 'hostile: most processor time of an answer',
      value: most,
      unit: 's',
      target: { atMost: MAX_CPU_SECONDS },
      note: costliest === undefined ? '' : `${costliest[0].route.name} of seed ${costliest[0].seed}`,
    },
    {
      name: 'hostile: answers after more than 20 s',
      value: times.filter((milliseconds) => milliseconds > LATE_MS).length,
      unit: 'count',
      target: { atMost: 0 },
      note: `p50 ${percentile(times, 0.5).toFixed(0)} ms, the slowest ${Math.max(...times).toFixed(0)} ms`,
    },
    {
      name: 'hostile: jobs that ended their process',
      value: lost.length,
      unit: 'count',
      note: formatCounts(lost),
    },
  ]
}

/** An avatar that cannot be rendered is an object of the operator, for which the contract specifies 500. */
function isDefect({ status, route }: Answer): boolean {
  return status === 500 && route.name !== 'avatar'
}

function formatCounts(values: readonly string[]): string {
  const counts = new Map<string, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  return [...counts]
    .toSorted(([, a], [, b]) => b - a)
    .map(([value, count]) => `${count} x ${value}`)
    .join('; ')
}

/** Writes the files that caused failures, and a list of what happened. */
function keep(
  answers: readonly Answer[],
  files: readonly NamedFile[],
  rejections: Findings['rejections'],
  costs: Findings['costs'],
): void {
  const kept = answers.filter(
    (answer) =>
      isDefect(answer) ||
      answer.status === 0 ||
      answer.milliseconds > LATE_MS ||
      (costs.get(answer) ?? 0) > MAX_CPU_SECONDS ||
      /ended its process|processor time/.test(rejections.get(answer) ?? ''),
  )
  for (const { seed, name } of kept) writeFileSync(join(FOLDER, name), mutate(files, seed).bytes)
  const list = kept.map((answer) => ({
    file: answer.name,
    seed: answer.seed,
    recipe: answer.recipe,
    route: answer.route.name,
    status: answer.status,
    milliseconds: Math.round(answer.milliseconds),
    cpuSecondsAlone: costs.get(answer),
    rejection: rejections.get(answer),
  }))
  writeFileSync(join(FOLDER, 'list.json'), `${JSON.stringify(list, null, 2)}\n`)
}

/** Returns the keys under which the routes find a file. */
function keysOf(file: string): readonly string[] {
  return [`cdn/attachments/1/${file}`, `cdn/avatars/1/${baseName(file)}`, `uploads/${file}`]
}

function baseName(file: string): string {
  return file.slice(0, file.length - extname(file).length)
}
