/**
 * Computes the costs of a rendition: CPU time of the origin,
 * bytes, and the price of the edge platform for a million of them.
 */

import { EDGE_COSTS, priceOf } from '@media-proxy/shared/edge-costs.ts'
import { formatBytes } from './format.ts'
import { type Loaded, readServerTiming } from './load.ts'

export function describeCost({ headers, bytes }: Loaded): string {
  const made = readServerTiming(headers.get('server-timing')).find(({ name }) => name === 'render-cpu')
  const work =
    made === undefined
      ? 'no processor time: it was cached'
      : `${made.duration.toFixed(0)} ms of processor time`
  return `This answer cost ${work}, ${formatBytes(bytes)}. A million at the edge: ${PRICES}, independent of their size.`
}

const priceFor = (wanted: string) => {
  const cost = EDGE_COSTS.find(({ name }) => name === wanted)
  return cost === undefined ? '' : `$${priceOf(cost.platform).toFixed(2)}`
}

const PRICES = `${priceFor('hit')} from the cache, ${priceFor('miss, quick')} to ${priceFor('miss, slow')} where the origin is asked`
