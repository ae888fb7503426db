import { mkdir, mkdtemp, readdir, readFile, realpath, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { requireTrust, trust, trustState } from './trust.ts'

async function setup() {
  const root = await realpath(await mkdtemp(join(tmpdir(), 'loopwright-trust-')))
  const project = join(root, 'project')
  await mkdir(project)
  return { root, home: join(root, 'home'), project, files: [{ path: join(project, 'a.yaml'), text: 'goal: x' }] }
}

test('nothing is trusted at first, the same content is afterwards, other content is not', async () => {
  const input = await setup()
  expect(await trustState(input)).toEqual({ trusted: false, untrusted: [{ path: input.files[0]?.path, why: 'new' }] })
  await trust(input)
  expect(await trustState(input)).toEqual({ trusted: true, untrusted: [] })
  const changed = { ...input, files: [{ path: join(input.project, 'a.yaml'), text: 'goal: y' }] }
  expect((await trustState(changed)).untrusted[0]?.why).toBe('changed')
  await expect(requireTrust(changed)).rejects.toMatchObject({
    code: 'untrusted',
    message: expect.stringContaining('changed since it was trusted'),
  })
  expect((await stat(join(input.home, 'trust.json'))).mode & 0o777).toBe(0o600)
  expect(await readdir(input.home)).toEqual(['trust.json'])
})

test('another file, another project and a sibling of a like name are not trusted', async () => {
  const input = await setup()
  await trust(input)
  await mkdir(`${input.project}2`)
  const text = 'goal: x'
  expect((await trustState({ ...input, files: [{ path: 'b.yaml', text }] })).trusted).toBe(false)
  expect(
    (await trustState({ ...input, project: `${input.project}2`, files: [{ path: 'a.yaml', text }] })).trusted,
  ).toBe(false)
  expect((await trustState({ ...input, project: '__proto__' })).trusted).toBe(false)
})

test('a project is known by its real path, and trust of a second file keeps the first', async () => {
  const input = await setup()
  await trust(input)
  await trust({ ...input, files: [{ path: 'b.yaml', text: 'goal: b' }] })
  await symlink(input.project, join(input.root, 'link'))
  expect(
    (
      await trustState({
        ...input,
        project: join(input.root, 'link'),
        files: [
          { path: 'a.yaml', text: 'goal: x' },
          { path: 'b.yaml', text: 'goal: b' },
        ],
      })
    ).trusted,
  ).toBe(true)
})

test.each(['{', '[]', '{"version":2,"projects":{}}'])(
  'a damaged trust.json (%s) trusts nothing, says so, and is kept aside',
  async (text) => {
    const input = await setup()
    await mkdir(input.home)
    await writeFile(join(input.home, 'trust.json'), text)
    expect(await trustState(input)).toMatchObject({
      trusted: false,
      problem: expect.stringMatching(/trust\.json is damaged/),
    })
    await trust(input)
    expect((await trustState(input)).trusted).toBe(true)
    expect(await readFile(join(input.home, 'trust.json.corrupt'), 'utf8')).toBe(text)
  },
)
