import { readFileSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'
import { openFilesystemOrigin } from './doors.ts'
import { send } from './http.ts'

const door = await openFilesystemOrigin()
const [q = 'format=jpeg', ...files] = process.argv.slice(2)
for (const f of files) {
  await door.put(`attachments/1/${basename(f)}`, readFileSync(f))
  const ops = door.storeOperations.length
  const t = performance.now()
  const r = await send(door.url, `/attachments/1/${basename(f)}?${q}`)
  const ms = performance.now() - t
  const read = door.storeOperations.slice(ops).reduce((s, o) => s + o.bytes, 0)
  const line = door.log.at(-1)
  console.log(
    basename(f),
    r.status,
    r.headers['content-type'],
    r.body.length,
    `${ms.toFixed(0)}ms`,
    `read ${read} in ${door.storeOperations.length - ops}`,
    `rss ${(process.memoryUsage().rss / 1e6).toFixed(0)}MB`,
    line?.failure ?? '',
    line?.detail ?? '',
    r.status !== 200 ? r.body.toString() : '',
  )
  if (r.status === 200) writeFileSync(`/tmp/v/out-${basename(f)}.jpg`, r.body)
}
console.log(
  door.log
    .filter((l) => l.msg !== 'request')
    .map((l) => JSON.stringify(l))
    .join('\n')
    .slice(0, 600),
)
await door.close()
