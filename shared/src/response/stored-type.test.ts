import { describe, expect, it } from 'vitest'
import { storedContentType } from './stored-type.ts'

const LISTED: Readonly<Record<string, string>> = {
  ts: 'video/mp2t',
  png: 'image/png',
  html: 'text/html',
  pdf: 'application/pdf',
  txt: 'text/plain',
}
const named = (fileName: string) => LISTED[fileName.split('.').at(-1) ?? ''] ?? null
const PLAIN = 'text/plain; charset=utf-8'

describe('the type of a stored file', () => {
  it.each([
    ['image/png', 'a.bin', 'image/png'],
    ['IMAGE/PNG', 'a.bin', 'image/png'],
    [' video/mp4 ', 'a.bin', 'video/mp4'],
    ['text/plain', 'x.ts', 'text/plain'],
    ['text/plain;charset=UTF-8', 'x.ts', 'text/plain;charset=utf-8'],
    ['text/plain; charset="utf-8"', 'x', 'text/plain; charset="utf-8"'],
    ['video/mp2t', 'x.ts', 'video/mp2t'],
    ['audio/ogg; codecs=opus', 'x', 'audio/ogg; codecs=opus'],
    // Not a valid type, so the name decides.
    ['image/png, text/html', 'a.png', 'image/png'],
    ['image/png, text/html', 'a', 'application/octet-stream'],
    ['image/png,', 'a.pdf', 'application/pdf'],
    ['text/html image/png', 'a.txt', 'text/plain'],
    ['image/', 'a.txt', 'text/plain'],
    ['image', 'a', 'application/octet-stream'],
    ['image/png; a', 'a', 'application/octet-stream'],
    ['image/png\r\nx: y', 'a', 'application/octet-stream'],
    ['image/png; a="b', 'a', 'application/octet-stream'],
    ['', 'a.png', 'image/png'],
    // Source code is text, regardless of what MIME type lists have for its extension.
    ['application/octet-stream', 'x.ts', PLAIN],
    [undefined, 'x.ts', PLAIN],
    [undefined, 'App.VUE', PLAIN],
    [undefined, 'main.py', PLAIN],
    ['application/x-python', 'main.go', PLAIN],
    [undefined, 'Makefile', PLAIN],
    [undefined, 'Dockerfile', PLAIN],
    // All other files.
    ['application/octet-stream', 'a.pdf', 'application/pdf'],
    ['application/zip', 'a', 'application/zip'],
    [undefined, 'a', 'application/octet-stream'],
    ['application/octet-stream', 'a.html', 'text/html'],
  ])('stored as %j under the name %s is %s', (stored, fileName, type) => {
    expect(storedContentType(stored, fileName, named)).toBe(type)
  })
})
