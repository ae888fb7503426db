import { fork } from 'node:child_process'
import type { Json } from '../src/core/json.ts'

/** Runs a registered piece of work in a process of its own (`main.ts --child`) and returns what it sends back. */
export async function inChild<T>(
  name: string,
  input: Json,
  options: { nodeOptions?: readonly string[] } = {},
): Promise<T> {
  const child = fork(new URL('main.ts', import.meta.url), ['--child', name, JSON.stringify(input)], {
    execArgv: [...(options.nodeOptions ?? [])],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  return await new Promise<T>((resolve, reject) => {
    let result: { readonly value: T } | undefined
    child.on('message', (message) => {
      result = message as { value: T }
      // It has said all; nothing of it needs an orderly end, and what a library leaves behind cannot hold us up.
      child.kill('SIGKILL')
    })
    child.on('error', reject)
    child.on('exit', (code) => {
      if (result) resolve(result.value)
      else reject(new Error(`benchmark process '${name}' ended with code ${code} and no result`))
    })
  })
}
