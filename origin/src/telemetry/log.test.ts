import { setImmediate as turn } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { together } from './log.ts'

function kept() {
  const written: string[] = []
  let flushes = 0
  const lines = together({
    write: (text) => written.push(text),
    flushSync: () => {
      flushes += 1
    },
  })
  return { lines, written, flushes: () => flushes }
}

it('hands over the lines of one turn at once, in their order', async () => {
  const { lines, written } = kept()
  lines.write('one\n')
  lines.write('two\n')
  expect(written).toEqual([])
  await turn()
  expect(written).toEqual(['one\ntwo\n'])
  lines.write('three\n')
  await turn()
  expect(written).toEqual(['one\ntwo\n', 'three\n'])
})

it('writes at once what is fatal, and nothing twice', async () => {
  const { lines, written, flushes } = kept()
  lines.write('the last word\n')
  lines.flushSync()
  expect([written, flushes()]).toEqual([['the last word\n'], 1])
  await turn()
  expect(written).toEqual(['the last word\n'])
})
