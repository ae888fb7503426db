interface Machine {
  /** AUDIT_ARCH_… of linux/audit.h. */
  readonly arch: number
  readonly ioctl: number
  readonly socket: number
  /** Calls no work needs, through which the kernel's keys are read, its code is changed, or most of its holes were found. */
  readonly refused: Readonly<Record<string, number>>
}

const machines: Readonly<Partial<Record<NodeJS.Architecture, Machine>>> = {
  x64: {
    arch: 0xc000003e,
    ioctl: 16,
    socket: 41,
    refused: {
      acct: 163,
      add_key: 248,
      bpf: 321,
      delete_module: 176,
      finit_module: 313,
      init_module: 175,
      io_uring_setup: 425,
      kexec_file_load: 320,
      kexec_load: 246,
      keyctl: 250,
      open_by_handle_at: 304,
      perf_event_open: 298,
      quotactl: 179,
      reboot: 169,
      request_key: 249,
      swapoff: 168,
      swapon: 167,
      userfaultfd: 323,
    },
  },
  arm64: {
    arch: 0xc00000b7,
    ioctl: 29,
    socket: 198,
    refused: {
      acct: 89,
      add_key: 217,
      bpf: 280,
      delete_module: 106,
      finit_module: 273,
      init_module: 105,
      io_uring_setup: 425,
      kexec_file_load: 294,
      kexec_load: 104,
      keyctl: 219,
      open_by_handle_at: 265,
      perf_event_open: 241,
      quotactl: 60,
      reboot: 142,
      request_key: 218,
      swapoff: 225,
      swapon: 224,
      userfaultfd: 282,
    },
  },
}

/** Puts characters into a terminal's input, as if its user had typed them; the second does so by pasting. */
const terminalInput = [0x5412, 0x541c]
/** Sockets to the host of a virtual machine know no network namespace. */
const vsock = 40

const load = (offset: number) => [0x20, 0, 0, offset]
const equal = (value: number, then: number, otherwise: number) => [0x15, then, otherwise, value]
const atLeast = (value: number, then: number, otherwise: number) => [0x35, then, otherwise, value]
const answer = (value: number) => [0x06, 0, 0, value]
const refuse = answer(0x00050001)
const allow = answer(0x7fff0000)
const callNumber = 0
const arch = 4
const firstArgument = 16
const secondArgument = 24

/**
 * The filter of system calls for a confined process, as the kernel takes it: what it refuses fails with EPERM. Programs of another architecture (32-bit
 * ones) can do nothing. Undefined on a machine it is not written for.
 */
export function syscallFilter(machine: NodeJS.Architecture): Buffer | undefined {
  const facts = machines[machine]
  if (facts === undefined) return undefined
  const program = [
    load(arch),
    equal(facts.arch, 1, 0),
    refuse,
    load(callNumber),
    ...(machine === 'x64' ? [atLeast(0x4000_0000, 0, 1), refuse] : []),
    ...Object.values(facts.refused).flatMap((call) => [equal(call, 0, 1), refuse]),
    equal(facts.ioctl, 0, 2 * terminalInput.length + 2),
    load(secondArgument),
    ...terminalInput.flatMap((request) => [equal(request, 0, 1), refuse]),
    allow,
    equal(facts.socket, 0, 3),
    load(firstArgument),
    equal(vsock, 0, 1),
    refuse,
    allow,
  ]
  const bytes = Buffer.alloc(program.length * 8)
  for (const [index, [code = 0, then = 0, otherwise = 0, value = 0]] of program.entries()) {
    bytes.writeUInt16LE(code, index * 8)
    bytes.writeUInt8(then, index * 8 + 2)
    bytes.writeUInt8(otherwise, index * 8 + 3)
    bytes.writeUInt32LE(value, index * 8 + 4)
  }
  return bytes
}
