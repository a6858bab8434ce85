#!/usr/bin/env node
/** The entry point of `npx @media-proxy/server`. */

import { isNodeNewEnough } from './least-node.ts'

if (isNodeNewEnough()) await import('./run.ts')
