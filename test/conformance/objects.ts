/**
 * The objects in the store while the table runs: key, bytes, and the content type that an uploader declared.
 */

import { plainIcon } from '@media-proxy/origin/media/icons.test-data.ts'
import {
  animatedGif,
  borderedPng,
  declaredPng,
  halvesJpeg,
  halvesPng,
  movingPng,
  noisePng,
  orientedJpeg,
  portraitPng,
  SVG,
  transparentPng,
  turnedHeic,
} from '../fixtures.ts'
import { FFMPEG, makeVideo, SECONDS } from '../videos.ts'

export interface TestObject {
  readonly key: string
  readonly bytes: Uint8Array
  readonly contentType?: string
}

export async function testObjects(): Promise<readonly TestObject[]> {
  return [...(await images()), ...(FFMPEG === undefined ? [] : await videos())]
}

async function videos(): Promise<readonly TestObject[]> {
  const h264 = ['-c:v', 'libx264', '-pix_fmt', 'yuv420p', '-crf', '10']
  const video = await makeVideo('mp4', SECONDS, [...h264, '-g', '25'])
  const prores4444 = await makeVideo(
    'mov',
    SECONDS,
    ['-c:v', 'prores_ks', '-profile:v', '4', '-pix_fmt', 'yuv444p10le'],
    0.2,
  )
  const disguised = Buffer.from(prores4444)
  // The codec tag of a ProRes variant that is accepted.
  disguised.write('apcn', disguised.indexOf('ap4h', 0, 'latin1'), 'latin1')
  const ac3Audio = ['-f', 'lavfi', '-i', 'sine=d=1', '-c:a', 'ac3']
  return [
    { key: 'attachments/1/video.mp4', bytes: video, contentType: 'video/mp4' },
    { key: 'attachments/1/video.png', bytes: video, contentType: 'image/png' },
    { key: 'attachments/1/4444.mov', bytes: prores4444, contentType: 'video/quicktime' },
    { key: 'attachments/1/disguised.mov', bytes: disguised, contentType: 'video/quicktime' },
    {
      key: 'attachments/1/ac3.mp4',
      bytes: await makeVideo('mp4', SECONDS, [...ac3Audio, ...h264], 1),
    },
    { key: 'attachments/1/raw.avi', bytes: await makeVideo('avi', SECONDS, ['-c:v', 'rawvideo'], 0.1) },
    {
      key: 'attachments/1/sound.mp4',
      bytes: await makeVideo('mp4', SECONDS, [...ac3Audio.slice(0, 4), '-c:a', 'aac', '-vn'], 1),
    },
    { key: 'attachments/1/cut.mp4', bytes: video.subarray(0, video.length / 2), contentType: 'video/mp4' },
    { key: 'attachments/1/text.mp4', bytes: Buffer.from('this is no video'), contentType: 'video/mp4' },
    { key: 'avatars/1/video', bytes: video },
  ]
}

async function images(): Promise<readonly TestObject[]> {
  const landscape = await halvesPng(400, 300)
  const animation = await animatedGif(80, 60)
  return [
    { key: 'avatars/1/land', bytes: landscape },
    { key: 'avatars/1/tall', bytes: await halvesPng(300, 900) },
    { key: 'avatars/1/anim', bytes: animation },
    { key: 'avatars/1/moving', bytes: await movingPng(80, 60) },
    { key: 'avatars/1/lastmod', bytes: landscape },
    { key: 'avatars/1/named.jpeg', bytes: await halvesJpeg(200, 200) },
    { key: 'avatars/1/small', bytes: await halvesPng(40, 30) },
    { key: 'avatars/1/broken', bytes: Buffer.concat([declaredPng(100, 100), Buffer.alloc(50, 7)]) },
    { key: 'avatars/1/text', bytes: Buffer.from('this is no image') },
    { key: 'avatars/1/huge', bytes: declaredPng(20_000, 20_000) },
    { key: 'avatars/1/icon', bytes: plainIcon(48, 32, [220, 30, 30]) },
    { key: 'icons/2/land', bytes: landscape },
    { key: 'banners/2/land', bytes: landscape },
    { key: 'splashes/2/land', bytes: landscape },
    { key: 'embed-splashes/2/land', bytes: landscape },
    { key: 'discovery-splashes/2/land', bytes: landscape },
    { key: 'branding/2/land', bytes: landscape },
    { key: 'guilds/3/users/4/avatars/land', bytes: landscape },
    { key: 'guilds/3/users/4/banners/land', bytes: landscape },
    { key: 'emojis/5', bytes: await transparentPng(96, 96) },
    { key: 'emojis/6', bytes: animation },
    { key: 'emojis/7.png', bytes: await transparentPng(96, 96) },
    { key: 'emojis/8', bytes: plainIcon(48, 48, [220, 30, 30]) },
    { key: 'stickers/9', bytes: animation },
    { key: 'stickers/7', bytes: plainIcon(48, 32, [220, 30, 30]) },
    { key: 'stickers/8', bytes: await halvesPng(400, 200) },
    { key: 'themes/0123456789abcdef.css', bytes: Buffer.from(':root { color: red }') },
    { key: 'entrance-sounds/9/abc.mp3', bytes: Buffer.from('ID3 not really a sound') },
    { key: 'attachments/1/land.png', bytes: landscape, contentType: 'image/png' },
    { key: 'attachments/1/bordered.png', bytes: await borderedPng(), contentType: 'image/png' },
    { key: 'attachments/1/plain.jpg', bytes: await halvesJpeg(200, 150), contentType: 'image/jpeg' },
    {
      key: 'attachments/1/portrait.png',
      bytes: await portraitPng(1200, 500, [[1000, 220]]),
      contentType: 'image/png',
    },
    { key: 'attachments/1/photo.jpg', bytes: await orientedJpeg(400, 300), contentType: 'image/jpeg' },
    { key: 'attachments/1/noise.png', bytes: await noisePng(256, 256), contentType: 'image/png' },
    { key: 'attachments/1/glass.png', bytes: await transparentPng(64, 64), contentType: 'image/png' },
    { key: 'attachments/1/anim.gif', bytes: animation, contentType: 'image/gif' },
    { key: 'attachments/1/moving.png', bytes: await movingPng(80, 60), contentType: 'image/png' },
    { key: 'attachments/1/turned.heic', bytes: await turnedHeic(), contentType: 'image/heic' },
    { key: 'attachments/1/plain.ico', bytes: plainIcon(48, 32, [220, 30, 30]) },
    { key: 'attachments/1/logo.svg', bytes: SVG, contentType: 'image/svg+xml' },
    { key: 'attachments/1/logo.png', bytes: SVG, contentType: 'image/png' },
    { key: 'attachments/1/page.html', bytes: Buffer.from('<h1>hello</h1>'), contentType: 'text/html' },
    { key: 'attachments/1/feed.xml', bytes: Buffer.from('<feed/>'), contentType: 'application/atom+xml' },
    { key: 'attachments/1/code.js', bytes: Buffer.from('alert(1)'), contentType: 'text/javascript' },
    { key: 'attachments/1/digits.bin', bytes: Buffer.from('0123456789') },
    { key: 'attachments/1/empty.bin', bytes: Buffer.alloc(0) },
    {
      key: 'attachments/1/clip.mp3',
      bytes: Buffer.from([0xff, 0xfb, 0x90, 0x64, ...new Array(413).fill(0)]),
      contentType: 'audio/mpeg',
    },
    { key: 'attachments/1/a b/ünï "c" %.txt', bytes: Buffer.from('text'), contentType: 'text/plain' },
    { key: 'attachments/1/huge.png', bytes: declaredPng(16_385, 10), contentType: 'image/png' },
  ]
}
