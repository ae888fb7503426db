import { expect, test } from 'vitest'
import { splitCommand } from './split-command.ts'

test.each([
  ['npm test', ['npm', 'test']],
  ['  python3   -m\tpytest ', ['python3', '-m', 'pytest']],
  [`node -e 'console.log("a b")'`, ['node', '-e', 'console.log("a b")']],
  ['grep "a \\"b\\" \\n $HOME"', ['grep', 'a "b" \\n $HOME']],
  ['a\\ b c\\\\d', ['a b', 'c\\d']],
  [`a"b"'c'd`, ['abcd']],
  [`a '' ""`, ['a', '', '']],
  [`echo '|' "&&" \\; 'a*b' \\$x`, ['echo', '|', '&&', ';', 'a*b', '$x']],
  ['a \\\nb', ['a', 'b']],
  ['env A=1 x --y=z ~/w {a,b} #c !d', ['env', 'A=1', 'x', '--y=z', '~/w', '{a,b}', '#c', '!d']],
  ['echo ä €', ['echo', 'ä', '€']],
])('%j becomes %j', (text, argv) => {
  expect(splitCommand(text)).toEqual(argv)
})

test.each(['|', '>', '<', '&', ';', '`', '*', '$', '(', ')'])(
  'an unquoted %s is refused and points to shell:',
  (char) => {
    const error = caught(`echo a ${char} b`)
    expect(error).toMatchObject({ code: 'bad_input', hint: expect.stringContaining('shell:') })
    expect(error).toHaveProperty('message', expect.stringContaining('column 8'))
  },
)

test('an unbalanced quote, a last backslash and an empty line are refused', () => {
  expect(caught(`echo "it's`)).toHaveProperty('message', expect.stringContaining('the " at column 6 is never closed'))
  expect(caught("echo it's")).toHaveProperty('message', expect.stringContaining("the ' at column 8 is never closed"))
  expect(caught('echo \\')).toHaveProperty('message', expect.stringContaining('backslash'))
  expect(caught(' \n')).toHaveProperty('message', 'empty command')
})

function caught(text: string): unknown {
  try {
    return splitCommand(text)
  } catch (error) {
    return error
  }
}
