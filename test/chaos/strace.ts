/** What a process and all below it ask of the kernel, as far as it leaves the machine or stays on it. */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'

export interface Trace {
  /** Every attempt to reach somebody, as `family address port`; one that failed was an attempt too. */
  readonly connections: readonly string[]
  /** Paths that were opened for writing, created, or the new name of something. */
  readonly written: readonly string[]
  /** Calls that were read, so that an empty list is known to be one. */
  readonly calls: number
}

/** Tells whether there is an strace that may trace here; a container may forbid it. */
export const CAN_TRACE =
  process.platform === 'linux' && spawnSync('strace', ['-f', '-o', '/dev/null', 'true']).status === 0

const WRITES = [
  'open',
  'openat',
  'creat',
  'mkdir',
  'mkdirat',
  'rename',
  'renameat',
  'renameat2',
  'link',
  'linkat',
]
const MORE_WRITES = ['symlink', 'symlinkat', 'mknod', 'mknodat', 'truncate']
const SENDS = ['connect', 'sendto', 'sendmsg', 'sendmmsg']
/** Only these stop the traced processes, where the kernel can filter. */
const CALLS = [...WRITES, ...MORE_WRITES, ...SENDS]

/** Starts a program under strace; what it asked for is in `file` once it has ended. */
export function startTraced(
  command: readonly string[],
  file: string,
  environment: Readonly<Record<string, string>>,
): ChildProcess {
  // Every call by its own name alone: a machine without the older ones has them not.
  const calls = CALLS.map((call) => `?${call}`).join(',')
  const options = [
    '-f',
    '--seccomp-bpf',
    '-qq',
    '-y',
    '-s',
    '64',
    '-e',
    `trace=${calls}`,
    '-e',
    'signal=none',
  ]
  return spawn('strace', [...options, '-o', file, '--', ...command], {
    env: environment,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    // A group of its own, so that all of it can be ended.
    detached: true,
  })
}

export async function readTrace(file: string): Promise<Trace> {
  const calls = wholeCalls(await readFile(file, 'utf8'))
  return {
    connections: [...new Set(calls.flatMap(connectionsOf))],
    written: [...new Set(calls.flatMap(writtenBy))],
    calls: calls.length,
  }
}

/** A call that another process interrupted stands in two lines: `… <unfinished ...>` and `<... openat resumed> …`. */
function wholeCalls(text: string): readonly string[] {
  const unfinished = new Map<string, string>()
  const calls: string[] = []
  for (const line of text.split('\n')) {
    const [, pid = '', call = ''] = /^(\d+) +(.*)$/.exec(line) ?? []
    const begun = /^(.*) <unfinished \.\.\.>$/.exec(call)?.[1]
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(call)?.[1]
    if (begun !== undefined) unfinished.set(pid, begun)
    else if (resumed !== undefined) calls.push(`${unfinished.get(pid) ?? ''}${resumed}`)
    else if (call !== '') calls.push(call)
  }
  return calls
}

function connectionsOf(call: string): readonly string[] {
  if (!SENDS.some((name) => call.startsWith(`${name}(`))) return []
  const addresses = call.matchAll(/\{sa_family=(AF_\w+)(?:, ([^{}]*))?\}/g)
  return [...addresses].map(([, family = '', rest = '']) => {
    const port = /_port=htons\((\d+)\)/.exec(rest)?.[1]
    const address = /"([^"]*)"/.exec(rest)?.[1] ?? rest
    return [family, address, ...(port === undefined ? [] : [port])].join(' ')
  })
}

/** Of a call that succeeded: the path, with the folder before it where it is relative to one. */
function writtenBy(call: string): readonly string[] {
  if (/= -1 /.test(call)) return []
  const [, name = '', words = ''] = /^(\w+)\((.*)\) += /.exec(call) ?? []
  if (![...WRITES, ...MORE_WRITES].includes(name)) return []
  if (/^open(at)?$/.test(name) && !/O_(WRONLY|RDWR|CREAT|TRUNC|APPEND|TMPFILE)/.test(words)) return []
  const paths = [...words.matchAll(/(?:<([^>]*)>, )?"([^"]*)"/g)].map(([, folder = '', path = '']) =>
    path.startsWith('/') ? path : `${folder}/${path}`,
  )
  // Of two names the second is the new one.
  return paths.slice(-1)
}
