import { execFileSync, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { largePhotograph } from './bench/images.ts'
import { inFlight } from './bench/measure.ts'
import { createClient, startService } from './bench/service.ts'
const source = await largePhotograph()
console.log('source', source.length)
const service = await startService({ ...(process.env.FAST ? { MEDIA_PROXY_RENDER_QUALITY: 'fast' } : {}) })
const client = createClient(4)
const N = 200
const cpu = (pid: number) => { const s = readFileSync(`/proc/${pid}/stat`, 'utf8'); const f = s.slice(s.lastIndexOf(')') + 2).split(' '); return [Number(f[11]) * 10, Number(f[12]) * 10] }
for (let i = 0; i < N * 4; i++) await service.put(`cdn/attachments/1/r-${i}.bin`, source)
const run = (from: number) => inFlight(N, 4, (i) => client.get(`${service.url}/attachments/1/r-${from + i}.bin?width=512&height=512&fit=inside&format=jpeg`))
await run(0)
const p = process.env.PERF ? spawn('perf', ['record', '-g', '-o', '/tmp/sw/j.data', '-p', String(service.pid)], { stdio: 'ignore' }) : undefined
for (const k of [1, 2, 3]) { const a = cpu(service.pid); const t = performance.now(); await run(k * N); const b = cpu(service.pid); console.log('server user', ((b[0]! - a[0]!) / N).toFixed(2), 'sys', ((b[1]! - a[1]!) / N).toFixed(2), 'wall', ((performance.now() - t) / N).toFixed(1)) }
if (p) { p.kill('SIGINT'); await new Promise((r) => p.once('exit', r)) }
await client.close(); await service.close(); process.exit(0)
