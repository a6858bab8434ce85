import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ENGINE_ENVIRONMENT, findIsolation, sandboxed } from './sandbox.ts'

const HAS_PROC = existsSync('/proc/self/limits')
const isolation = findIsolation()

/** Runs a script in the sandbox and returns its output. */
function inSandbox(script: string, options: Partial<Parameters<typeof sandboxed>[1]> = {}): string {
  const [program = '', ...args] = sandboxed([process.execPath, '--eval', script], {
    jobMemoryBytes: 256 * 2 ** 20,
    fileBytes: 0,
    niceness: 5,
    isolation,
    ...options,
  })
  const { stdout, stderr } = spawnSync(program, args, { env: ENGINE_ENVIRONMENT, encoding: 'utf8' })
  return stdout + stderr
}

describe.skipIf(process.platform === 'win32')('an engine process', () => {
  it('cannot see the environment', () => {
    const names = JSON.parse(inSandbox('console.log(JSON.stringify(Object.keys(process.env)))'))
    // Variables that a shell sets by itself reveal nothing.
    const own = names.filter((name: string) => !['PWD', 'OLDPWD', 'SHLVL', '_'].includes(name))
    expect(own.toSorted()).toEqual(Object.keys(ENGINE_ENVIRONMENT).toSorted())
  })

  it('knows the fonts, and has no cache folder for them', () => {
    expect(readFileSync(ENGINE_ENVIRONMENT.FONTCONFIG_FILE ?? '', 'utf8')).toContain('<cachedir>/dev/null/')
  })

  it('gets no more memory than its job may use', () => {
    const grab = (mebibytes: number) => `
      const parts = []
      try {
        for (let at = 0; at < ${mebibytes}; at += 16) parts.push(Buffer.alloc(16 * 2 ** 20, 1))
        console.log('all of it')
      } catch { console.log('rejected') }`
    expect(inSandbox(grab(128))).toContain('all of it')
    expect(inSandbox(grab(1024))).not.toContain('all of it')
  })

  it('cannot write a file', () => {
    const path = join(tmpdir(), `media-proxy-sandbox-${process.pid}`)
    const write = `try { require('node:fs').writeFileSync(${JSON.stringify(path)}, 'x'.repeat(9999)); console.log('written') } catch (error) { console.log(error.code) }`
    expect(inSandbox(write)).toContain('EFBIG')
    rmSync(path, { force: true })
  })

  it('leaves no core dump, and has the given priority', () => {
    expect(inSandbox("console.log(require('node:os').getPriority())")).toContain('5')
    if (HAS_PROC)
      expect(inSandbox("console.log(require('node:fs').readFileSync('/proc/self/limits', 'utf8'))")).toMatch(
        /Max core file size +0 +0/,
      )
  })

  it.skipIf(isolation.network === 'shared')(
    'cannot reach the network (where the system supports isolation)',
    () => {
      const connect = `require('node:net').connect(9, '127.0.0.1').on('error', ({ code }) => console.log(code)); console.log(Object.keys(require('node:os').networkInterfaces()).length)`
      const said = inSandbox(connect)
      expect(said).toContain('0')
      expect(said).toContain('ENETUNREACH')
    },
  )
})
