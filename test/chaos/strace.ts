/** The system calls of a process and its descendants that connect to others or write files. */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'

export interface Trace {
  /** All attempts to connect or send, as `family address port`, including failed ones. */
  readonly connections: readonly string[]
  /** Paths that were opened for writing, created, or the target of a rename. */
  readonly written: readonly string[]
  /** The number of parsed calls, which shows that an empty list is not a parsing error. */
  readonly calls: number
}

/** Whether strace is installed and permitted. A container may forbid it. */
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
/** Only these calls stop the traced processes, if the kernel can filter. */
const CALLS = [...WRITES, ...MORE_WRITES, ...SENDS]

/** Starts a program under strace. Its calls are in `file` once it has ended. */
export function startTraced(
  command: readonly string[],
  file: string,
  environment: Readonly<Record<string, string>>,
): ChildProcess {
  // The question mark makes strace ignore a call that does not exist on this architecture.
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
    // A separate process group, so that all its processes can be ended.
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

/**
 * Joins calls that strace has split. A call that is interrupted by another process takes two lines: `…
 * <unfinished ...>` and `<... openat resumed> …`.
 */
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

/** Returns the path that a successful call writes, joined with its folder when it is relative to one. */
function writtenBy(call: string): readonly string[] {
  if (/= -1 /.test(call)) return []
  const [, name = '', args = ''] = /^(\w+)\((.*)\) += /.exec(call) ?? []
  if (![...WRITES, ...MORE_WRITES].includes(name)) return []
  if (/^open(at)?$/.test(name) && !/O_(WRONLY|RDWR|CREAT|TRUNC|APPEND|TMPFILE)/.test(args)) return []
  const paths = [...args.matchAll(/(?:<([^>]*)>, )?"([^"]*)"/g)].map(([, folder = '', path = '']) =>
    path.startsWith('/') ? path : `${folder}/${path}`,
  )
  // Of two names, the second is the new one.
  return paths.slice(-1)
}
