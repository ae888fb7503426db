import { expect, test } from 'vitest'
import { syscallFilter } from './syscalls.ts'

const x64 = 0xc000003e
const arm64 = 0xc00000b7

/** Runs a filter as the kernel does: true when the call is allowed. */
function allows(filter: Buffer, call: { arch: number; nr: number; args?: readonly number[] }): boolean {
  const { arch, nr, args = [] } = call
  const data = new Map([[0, nr], [4, arch], ...args.map((each, at) => [16 + 8 * at, each] as const)])
  let value = 0
  for (let at = 0; at * 8 < filter.length; at++) {
    const [code, then, otherwise, k] = [
      filter.readUInt16LE(at * 8),
      filter.readUInt8(at * 8 + 2),
      filter.readUInt8(at * 8 + 3),
      filter.readUInt32LE(at * 8 + 4),
    ]
    if (code === 0x20) value = data.get(k) ?? 0
    else if (code === 0x15) at += value === k ? then : otherwise
    else if (code === 0x35) at += value >= k ? then : otherwise
    else if (code === 0x06) return k === 0x7fff0000
    else throw new Error(`unknown instruction ${code}`)
  }
  throw new Error('the filter has no end')
}

test.each([
  ['x64', x64, { read: 0, execve: 59, mount: 165 }, { keyctl: 250, bpf: 321, io_uring_setup: 425 }, 16, 41],
  ['arm64', arm64, { read: 63, execve: 221, mount: 40 }, { keyctl: 219, bpf: 280, io_uring_setup: 425 }, 29, 198],
] as const)('on %s, what no work needs is refused, and nothing else', (machine, arch, fine, refused, ioctl, socket) => {
  const filter = syscallFilter(machine) ?? Buffer.alloc(0)
  for (const [name, nr] of Object.entries(fine)) expect(allows(filter, { arch, nr }), name).toBe(true)
  for (const [name, nr] of Object.entries(refused)) expect(allows(filter, { arch, nr }), name).toBe(false)
  const ask = (nr: number, ...args: number[]) => allows(filter, { arch, nr, args })
  expect([ask(ioctl, 0, 0x5401), ask(ioctl, 0, 0x5412), ask(ioctl, 0, 0x541c)]).toEqual([true, false, false])
  expect([ask(socket, 1), ask(socket, 2), ask(socket, 10), ask(socket, 40)]).toEqual([true, true, true, false])
})

test('calls of another architecture are refused, whatever their number', () => {
  const filter = syscallFilter('x64') ?? Buffer.alloc(0)
  expect(allows(filter, { arch: 0x40000003, nr: 0 })).toBe(false)
  expect(allows(filter, { arch: x64, nr: 0x40000000 })).toBe(false)
})

test('there is none for a machine it is not written for', () => {
  expect(syscallFilter('riscv64')).toBeUndefined()
})
