import { expect, test } from 'vitest'
import { memoryMarker } from './memory-marker.ts'

test.each([
  'FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory',
  'FATAL ERROR: NewSpace::EnsureCurrentCapacity Allocation failed - JavaScript heap out of memory',
  '# Fatal process out of memory: Failed to reserve virtual memory for CodeRange',
  'Error: spawn ENOMEM',
  'MemoryError',
  'MemoryError: Unable to allocate 7.45 GiB for an array',
  "terminate called after throwing an instance of 'std::bad_alloc'",
  'fatal error: runtime: out of memory',
  'runtime: out of memory: cannot allocate 4194304-byte block (4194304 in use)',
  'Exception in thread "main" java.lang.OutOfMemoryError: Java heap space',
  'memory allocation of 8589934592 bytes failed',
  'Unhandled exception. System.OutOfMemoryException: Exception of type',
  "a.rb:1:in `*': failed to allocate memory (NoMemoryError)",
  'PHP Fatal error:  Allowed memory size of 134217728 bytes exhausted (tried to allocate 20480 bytes)',
  'bash: fork: retry: Cannot allocate memory',
  'Error: failed to spawn: Cannot allocate memory (os error 12)',
  "OSError: [Errno 12] Cannot allocate memory: '/bin/sh'",
  'Error: spawnSync /bin/sh ENOMEM',
  'Error: JavaScript heap out of memory',
  'numpy.core._exceptions.MemoryError: Unable to allocate 7.45 GiB',
])('knows %s', (line) => {
  expect(memoryMarker(`a line before\n${line}\n    at one after`)).toBe(line)
})

test.each([
  'the GPU is out of memory',
  'test: handles out of memory ... ok',
  'except MemoryError: pass',
  'AssertionError: expected MemoryError',
  'ok 3 - tells "JavaScript heap out of memory" from others',
  'it would not do what ENOMEM asks for',
  'OOM killer disabled',
  '',
])('does not take %j for one', (line) => {
  expect(memoryMarker(line)).toBeUndefined()
})

test('a long line is shortened', () => {
  expect(memoryMarker(`${'x'.repeat(5000)}: Cannot allocate memory`)?.length).toBe(200)
})

test('a hostile text is read in no time', () => {
  const began = performance.now()
  for (const part of [
    'FATAL ERROR: ',
    'runtime: ',
    'spawn ',
    'spawn x ',
    'a.',
    'JavaScript heap out of memory ',
    ' ENOMEM: ',
    'memory allocation of 1',
    ': Cannot allocate memory ',
  ]) {
    memoryMarker(part.repeat(16_000))
  }
  expect(performance.now() - began).toBeLessThan(5000)
})
