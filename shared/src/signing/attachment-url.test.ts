import { describe, expect, it } from 'vitest'
import { encodeHex } from '../encoding/hex.ts'
import type { AttachmentRequest } from '../request/media-request.ts'
import { parseRequest } from '../request/parse.ts'
import { isFailure } from '../response/failure.ts'
import { attachmentPolicyOf, readAttachmentSignature, verifyAttachment } from './attachment-url.ts'
import { createBase64KeyRing, createKeyRing, sign } from './hmac.ts'

const SECRET = 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8='
const OTHER = 'BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc='
const KEY = 'attachments/1/2/cat.gif'
const NOW = 0x6a99_0000
const hex = (seconds: number) => seconds.toString(16).padStart(8, '0')
const mac = async (lines: readonly string[], secret = SECRET) =>
  encodeHex(
    await sign(await createBase64KeyRing([secret]), ['fluxer-attachment-url-v1', ...lines].join('\n')),
  )

const IS = hex(NOW - 60)
const EX = hex(NOW + 60)
const HM = await mac([EX, IS, '', KEY])
const DP = await mac(['00000000', IS, 'dp', KEY])

const GOOD: readonly (readonly [name: string, query: string, left: number | undefined])[] = [
  ['in order', `ex=${EX}&is=${IS}&hm=${HM}`, 60],
  ['in another order', `hm=${HM}&ex=${EX}&is=${IS}`, 60],
  ['between other parameters', `width=5&ex=${EX}&x=%zz&is=${IS}&format=webp&hm=${HM}`, 60],
  ['with empty pairs', `&&ex=${EX}&&is=${IS}&hm=${HM}&`, 60],
  ['with encoded names', `%65x=${EX}&i%73=${IS}&%68%6d=${HM}`, 60],
  ['by the second secret', `ex=${EX}&is=${IS}&hm=${await mac([EX, IS, '', KEY], OTHER)}`, 60],
  ['in its last second', `ex=${hex(NOW + 1)}&is=${IS}&hm=${await mac([hex(NOW + 1), IS, '', KEY])}`, 1],
  ['issued as it expires', `ex=${EX}&is=${EX}&hm=${await mac([EX, EX, '', KEY])}`, 60],
  [
    'issued in the time to come',
    `ex=${EX}&is=${hex(NOW + 9)}&hm=${await mac([EX, hex(NOW + 9), '', KEY])}`,
    60,
  ],
  ['of a data package', `ex=0&is=${IS}&hm=${DP}&uc=dp`, undefined],
  ['of a data package, in another order', `uc=dp&hm=${DP}&is=${IS}&ex=0`, undefined],
  [
    'of a data package issued long ago',
    `ex=0&is=00000001&hm=${await mac(['00000000', '00000001', 'dp', KEY])}&uc=dp`,
    undefined,
  ],
]

const BAD: readonly (readonly [name: string, query: string])[] = [
  ['none', ''],
  ['other parameters only', 'width=5&exp=1&hmm=2'],
  ['no hm', `ex=${EX}&is=${IS}`],
  ['no is', `ex=${EX}&hm=${HM}`],
  ['no ex', `is=${IS}&hm=${HM}`],
  ['uc alone', 'uc=dp'],
  ['an empty hm', `ex=${EX}&is=${IS}&hm=`],
  ['hm without a value', `ex=${EX}&is=${IS}&hm`],
  ['a repeated ex', `ex=${EX}&ex=${EX}&is=${IS}&hm=${HM}`],
  ['a repeated hm', `ex=${EX}&is=${IS}&hm=${HM}&hm=${HM}`],
  ['an ex repeated by an encoded name', `ex=${EX}&%65%78=${EX}&is=${IS}&hm=${HM}`],
  ['is after ex', `ex=${EX}&is=${hex(NOW + 61)}&hm=${await mac([EX, hex(NOW + 61), '', KEY])}`],
  ['upper case in ex', `ex=${EX.toUpperCase()}&is=${IS}&hm=${HM}`],
  ['upper case in hm', `ex=${EX}&is=${IS}&hm=${HM.toUpperCase()}`],
  ['an encoded value', `ex=%36${EX.slice(1)}&is=${IS}&hm=${HM}`],
  ['a short ex', `ex=${EX.slice(1)}&is=${IS}&hm=${await mac([EX.slice(1), IS, '', KEY])}`],
  ['a long ex', `ex=0${EX}&is=${IS}&hm=${await mac([`0${EX}`, IS, '', KEY])}`],
  ['a decimal ex', `ex=${NOW + 60}&is=${IS}&hm=${HM}`],
  ['a short hm', `ex=${EX}&is=${IS}&hm=${HM.slice(2)}`],
  ['a long hm', `ex=${EX}&is=${IS}&hm=${HM}00`],
  ['hm in base64', `ex=${EX}&is=${IS}&hm=${btoa(HM).replaceAll('=', '')}`],
  ['a blank behind hm', `ex=${EX}&is=${IS}&hm=${HM}+`],
  ['another hm', `ex=${EX}&is=${IS}&hm=${HM.replace(/^./, (digit: string) => (digit === '0' ? '1' : '0'))}`],
  ['zeros', `ex=${EX}&is=${IS}&hm=${'0'.repeat(64)}`],
  ['a foreign secret', `ex=${EX}&is=${IS}&hm=${await mac([EX, IS, '', KEY], 'AAAA')}`],
  [
    'the secret as text',
    `ex=${EX}&is=${IS}&hm=${encodeHex(await sign(await createKeyRing([SECRET]), ['fluxer-attachment-url-v1', EX, IS, '', KEY].join('\n')))}`,
  ],
  ['another key', `ex=${EX}&is=${IS}&hm=${await mac([EX, IS, '', 'attachments/1/2/dog.gif'])}`],
  ['the key without its folder', `ex=${EX}&is=${IS}&hm=${await mac([EX, IS, '', '1/2/cat.gif'])}`],
  ['a later ex', `ex=${hex(NOW + 999)}&is=${IS}&hm=${HM}`],
  ['another is', `ex=${EX}&is=${hex(NOW - 61)}&hm=${HM}`],
  ['a line at the end', `ex=${EX}&is=${IS}&hm=${await mac([EX, IS, '', KEY, ''])}`],
  [
    'another version',
    `ex=${EX}&is=${IS}&hm=${encodeHex(await sign(await createBase64KeyRing([SECRET]), `v2\n${EX}\n${IS}\n\n${KEY}`))}`,
  ],
  ['expired just now', `ex=${hex(NOW)}&is=${IS}&hm=${await mac([hex(NOW), IS, '', KEY])}`],
  ['expired long ago', `ex=00000002&is=00000001&hm=${await mac(['00000002', '00000001', '', KEY])}`],
  ['an empty uc', `ex=${EX}&is=${IS}&hm=${HM}&uc=`],
  ['another uc', `ex=0&is=${IS}&hm=${await mac(['00000000', IS, 'xx', KEY])}&uc=xx`],
  ['uc in upper case', `ex=0&is=${IS}&hm=${DP}&uc=DP`],
  ['uc with a time', `ex=${EX}&is=${IS}&hm=${await mac([EX, IS, 'dp', KEY])}&uc=dp`],
  ['uc with eight zeros', `ex=00000000&is=${IS}&hm=${DP}&uc=dp`],
  ['ex=0 without uc', `ex=0&is=${IS}&hm=${DP}`],
  ['a data package without is', `ex=0&hm=${DP}&uc=dp`],
  ['a data package without hm', `ex=0&is=${IS}&uc=dp`],
  ['a data package as an ordinary one', `ex=0&is=${IS}&hm=${HM}&uc=dp`],
  ['a repeated uc', `ex=0&is=${IS}&hm=${DP}&uc=dp&uc=dp`],
  ['an encoded uc', `ex=0&is=${IS}&hm=${DP}&uc=%64p`],
]

async function check(query: string, mode: 'off' | 'report' | 'enforce', reports: string[] = []) {
  const parsed = parseRequest(new URL(`https://m.test/${KEY}?${query}`), { accept: null, assets: false })
  if (isFailure(parsed) || parsed.kind !== 'attachment') throw new Error('no attachment')
  const policy = await attachmentPolicyOf({ attachmentSignatures: mode, attachmentSecrets: [OTHER, SECRET] })
  return verifyAttachment(parsed, policy, NOW, ({ detail }) => reports.push(detail ?? ''))
}

describe('the signature of an attachment', () => {
  it.each(GOOD)('is valid: %s', async (_, query, left) => {
    const verified = (await check(query, 'enforce')) as AttachmentRequest
    expect(isFailure(verified)).toBe(false)
    expect(verified.expiresAt).toBe(left === undefined ? undefined : NOW + left)
    const reports: string[] = []
    await check(query, 'report', reports)
    expect(reports).toEqual([])
  })

  it.each(BAD)('is rejected: %s', async (_, query) => {
    expect(await check(query, 'enforce')).toMatchObject({ ok: false, code: 'attachment-rejected' })
    const reports: string[] = []
    expect(isFailure(await check(query, 'report', reports))).toBe(false)
    expect(reports).toHaveLength(1)
    expect(isFailure(await check(query, 'off'))).toBe(false)
  })

  it('is missing when the query contains no part of one', () => {
    expect(readAttachmentSignature('?width=5')).toBeUndefined()
    expect(readAttachmentSignature('')).toBeUndefined()
  })
})
