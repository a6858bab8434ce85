/** The entry point of the service, which the systemd unit starts. */

import { isNodeNewEnough } from './least-node.ts'

if (isNodeNewEnough()) await import('@media-proxy/origin/main.ts')
