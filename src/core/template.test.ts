import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fillCommand, fillPlay } from './template.ts'

const values = {
  workspace: '/loop folder',
  project_root: '/project',
  round: '3',
  last_error: `it's "$HOME" \`id\`; $(id) \\`,
}
const shell = (line: string, more: Partial<typeof values> = {}) =>
  fillCommand({ shell: line }, { ...values, ...more }).shell

test('the words of a command get the values as they are', () => {
  const { argv, env } = fillCommand(
    { argv: ['run', '--at={workspace}', '{round}', '{other}'], env: { A: '{round}' } },
    values,
  )
  expect(argv).toEqual(['run', '--at=/loop folder', '3', '{other}'])
  expect(env).toEqual({ A: '3' })
})

test('in an address a value is encoded, and what is typed stays as it is', () => {
  const text = '{project_root} {round}'
  const play = fillPlay(
    {
      url: 'file://{workspace}/a.html?{last_error}',
      serve: { shell: 'serve {workspace}' },
      steps: [{ open: '/{round}?at={project_root}' }, { type: { selector: 'input', text } }],
    },
    { ...values, project_root: '/a b/#1?/ü' },
  )
  expect(play).toEqual({
    url: 'file:///loop%20folder/a.html?{last_error}',
    serve: { shell: "serve '/loop folder'" },
    steps: [{ open: '/3?at=/a%20b/%231%3F/%C3%BC' }, { type: { selector: 'input', text } }],
  })
})

test('in a shell line a value is quoted as its place asks for', () => {
  expect(shell('cd {project_root}/src && echo {round}')).toBe('cd /project/src && echo 3')
  expect(shell('ls {workspace}/logs')).toBe("ls '/loop folder'/logs")
  expect(shell('ls "{workspace}"')).toBe('ls "/loop folder"')
  const own = ['echo $', '{round} {print}'].join('')
  expect(shell(own)).toBe(own)
  expect(shell('echo 1 # {last_error}\necho {round}')).toBe('echo 1 # \necho 3')
})

test.each(['echo `echo {round}`', "echo $'{last_error}'", 'cat <<EOF\n{last_error}\nEOF'])('%j is refused', (line) => {
  expect(() => shell(line)).toThrow(/cannot be put safely/)
})

test('whatever a program printed, the shell hands it on as text', () => {
  const hostile = fc.oneof(fc.string(), fc.stringMatching(/^['"`$();\\\n #&|a]{0,12}$/))
  const forms = ['{last_error}', "'{last_error}'", '"{last_error}"', `"$(printf %s {last_error}; printf .)"`]
  fc.assert(
    fc.property(hostile, fc.constantFrom(...forms), (text, form) => {
      const line = shell(`printf '%s' ${form}`, { last_error: text }) ?? ''
      const said = execFileSync('/bin/sh', ['-c', line], { encoding: 'utf8' })
      const clean = text.replaceAll('\0', '').toWellFormed()
      expect(said).toBe(form.endsWith('."') || form.includes('$(') ? `${clean}.` : clean)
    }),
    { numRuns: 60 },
  )
})
