/** The service itself, as the unit of systemd starts it. */

import { isNodeNewEnough } from './least-node.ts'

if (isNodeNewEnough()) await import('@media-proxy/origin/main.ts')
