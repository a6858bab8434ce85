#!/usr/bin/env node
/** `npx @media-proxy/server`. */

import { isNodeNewEnough } from './least-node.ts'

if (isNodeNewEnough()) await import('./run.ts')
