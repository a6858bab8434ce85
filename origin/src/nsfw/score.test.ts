import { describe, expect, it } from 'vitest'
import { type Predictions, type ScoreOptions, scoreFrames } from './score.ts'

const NEUTRAL: Predictions = { drawing: 0, hentai: 0, neutral: 1, porn: 0, sexy: 0 }
const frame = (porn: number, sexy = 0): Predictions => ({ ...NEUTRAL, neutral: 1 - porn - sexy, porn, sexy })
const options = { threshold: 0.85, countHentai: false }

describe('the probability of an image', () => {
  const probabilityOf = (predictions: Predictions, scoring: ScoreOptions) =>
    scoreFrames([predictions], scoring).probability

  it('is the sum of porn and sexy', () => {
    expect(probabilityOf(frame(0.5, 0.25), options)).toBe(0.75)
  })

  it('includes hentai only when configured', () => {
    const drawn = { ...frame(0.25), hentai: 0.5 }
    expect(probabilityOf(drawn, options)).toBe(0.25)
    expect(probabilityOf(drawn, { ...options, countHentai: true })).toBe(0.75)
  })

  it('never leaves 0 to 1, despite the rounding of the model', () => {
    expect(probabilityOf({ ...NEUTRAL, porn: 0.7, sexy: 0.3000001 }, options)).toBe(1)
  })
})

describe('the verdict', () => {
  it.each([
    { why: 'one image at the threshold', scores: [0.85], nsfw: false },
    { why: 'one image above it', scores: [0.86], nsfw: true },
    { why: 'three frames below it', scores: [0.84, 0.84, 0.84], nsfw: false },
    { why: 'one frame barely above it', scores: [0.1, 0.92, 0.1], nsfw: false },
    { why: 'one frame clearly above it', scores: [0.1, 0.93, 0.1], nsfw: true },
    { why: 'one barely above it, supported by another', scores: [0.86, 0.1, 0.43], nsfw: true },
    { why: 'one barely above it, another just short of support', scores: [0.86, 0.1, 0.42], nsfw: false },
    { why: 'the only two frames there are', scores: [0.9, 0.9], nsfw: true },
  ])('$why', ({ scores, nsfw }) => {
    const [first = NEUTRAL, ...rest] = scores.map((score) => frame(score))
    const verdict = scoreFrames([first, ...rest], options)
    expect(verdict.nsfw).toBe(nsfw)
    expect(verdict.probability).toBe(Math.max(...scores))
    expect(verdict.predictions.porn).toBe(Math.max(...scores))
  })
})
