/** Converts RGBA or BGRA pixels from premultiplied to straight alpha, in place. */
export function divideByAlpha(data: Uint8Array, bytesPerSample: 1 | 2): void {
  const samples =
    bytesPerSample === 1 ? data : new Uint16Array(data.buffer, data.byteOffset, data.length / bytesPerSample)
  const max = bytesPerSample === 1 ? 0xff : 0xffff
  for (let at = 0; at < samples.length; at += 4) {
    const alpha = samples[at + 3] ?? 0
    if (alpha === 0 || alpha === max) continue
    for (let channel = at; channel < at + 3; channel += 1)
      samples[channel] = Math.min(max, Math.round(((samples[channel] ?? 0) * max) / alpha))
  }
}
