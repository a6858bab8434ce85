/** Draws a line chart over time, as SVG. */

export interface ChartOptions {
  readonly title: string
  readonly x: string
  readonly y: string
  readonly points: readonly { readonly x: number; readonly y: number }[]
}

const WIDTH = 720
const HEIGHT = 300
const MARGIN = 56
const TICKS = 5

export function lineChart({ title, x, y, points }: ChartOptions): string {
  const maxX = Math.max(...points.map((point) => point.x), 1e-9)
  const maxY = Math.max(...points.map((point) => point.y), 1e-9) * 1.1
  const left = (value: number) => MARGIN + (value / maxX) * (WIDTH - 2 * MARGIN)
  const top = (value: number) => HEIGHT - MARGIN - (value / maxY) * (HEIGHT - 2 * MARGIN)
  const path = points.map((point) => `${left(point.x).toFixed(1)},${top(point.y).toFixed(1)}`).join(' ')
  const ticks = Array.from({ length: TICKS + 1 }, (_, index) => index / TICKS)
  const label = (value: number) => (value >= 10 ? value.toFixed(0) : value.toFixed(1))
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" font-family="sans-serif" font-size="12">
<title>${title}</title>
<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>
<text x="${WIDTH / 2}" y="24" text-anchor="middle" font-size="15">${title}</text>
${ticks.map((share) => `<path d="M${MARGIN} ${top(share * maxY).toFixed(1)}H${WIDTH - MARGIN}" stroke="#ddd"/><text x="${MARGIN - 8}" y="${(top(share * maxY) + 4).toFixed(1)}" text-anchor="end">${label(share * maxY)}</text>`).join('\n')}
${ticks.map((share) => `<text x="${left(share * maxX).toFixed(1)}" y="${HEIGHT - MARGIN + 20}" text-anchor="middle">${label(share * maxX)}</text>`).join('\n')}
<text x="${WIDTH / 2}" y="${HEIGHT - 12}" text-anchor="middle">${x}</text>
<text x="16" y="${HEIGHT / 2}" text-anchor="middle" transform="rotate(-90 16 ${HEIGHT / 2})">${y}</text>
<polyline points="${path}" fill="none" stroke="#2563eb" stroke-width="2"/>
</svg>
`
}
