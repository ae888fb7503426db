import { expect, test } from 'vitest'
import { splitCommand } from './shlex.ts'

test.each([
  ['npm test', ['npm', 'test']],
  ['  npm   run\t"a b"  ', ['npm', 'run', 'a b']],
  [`sh -c 'echo "x" | cat'`, ['sh', '-c', 'echo "x" | cat']],
  ['echo ""', ['echo', '']],
  [`a"b"'c'\\ d`, ['abc d']],
  ['"a\\"b\\\\c\\n"', ['a"b\\c\\n']],
  ['grep foo$ {prompt}', ['grep', 'foo$', '{prompt}']],
  ['echo \\* \\$HOME', ['echo', '*', '$HOME']],
  ['node é ✓ 日本', ['node', 'é', '✓', '日本']],
])('%s is split', (line, words) => {
  expect(splitCommand(line)).toEqual(words)
})

test.each([
  ['echo "a', 'unbalanced double quote in the command: echo "a'],
  ["echo 'a", "unbalanced single quote in the command: echo 'a"],
  ['npm test | tee log', '`|` needs a shell, and this command runs without one: npm test | tee log'],
  ['a && b', '`&&` needs a shell, and this command runs without one: a && b'],
  ['a > b', '`>` needs a shell, and this command runs without one: a > b'],
  ['ls *.ts', '`*` needs a shell, and this command runs without one: ls *.ts'],
  ['echo $(id)', '`$(` needs a shell, and this command runs without one: echo $(id)'],
  ['echo "$HOME"', '`$HOME` needs a shell, and this command runs without one: echo "$HOME"'],
  ['echo `id`', 'a backtick needs a shell, and this command runs without one: echo `id`'],
  ['CI=1 npm test', '`CI=` needs a shell, and this command runs without one: CI=1 npm test'],
  ['a\nb', 'a line break needs a shell, and this command runs without one: a\nb'],
  ['   ', 'the command is empty'],
  ['""', 'the command is empty'],
  ['a\\', 'the command ends with a backslash: a\\'],
  ['a\0b', 'a command cannot contain a NUL character'],
])('%j is refused', (line, message) => {
  expect(() => splitCommand(line)).toThrow(expect.objectContaining({ code: 'bad_input', message }))
})
