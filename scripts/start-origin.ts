/**
 * `pnpm start:origin`: starts the origin alone, with the variables that have to be set before its process
 * starts.
 */

import './no-arguments.ts'
import { createChildren } from './children.ts'
import './compile-ahead.ts'
import { becomeNode, nativeEnvironment, ORIGIN_ARGUMENTS } from './origin-process.ts'

const environment = nativeEnvironment(process.env)
becomeNode(ORIGIN_ARGUMENTS, environment)

const children = createChildren((_, code) => process.exit(code ?? 1))
children.start('origin', process.execPath, ORIGIN_ARGUMENTS, {
  env: environment,
  stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => children.stop().then(() => process.exit(0)))
}
