import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { main } from '../../src/surfaces/cli/main.ts'
import { hashes, makeRepo, scratch, write } from '../fixtures/repo.ts'
import { makeTriageProject } from '../fixtures/triage/project.ts'
import { fakeIo } from './fake-io.ts'

function world() {
  const temporary = scratch()
  const project = join(temporary.path, 'shop')
  const type = async (...args: string[]) => {
    const io = fakeIo({
      cwd: project,
      env: { PATH: process.env.PATH ?? '', HOME: temporary.path, LOOPWRIGHT_HOME: join(temporary.path, 'home') },
    })
    const code = await main(args, io)
    return { code, out: io.out(), err: io.err() }
  }
  return {
    project,
    type,
    read: (path: string) => readFileSync(join(project, path), 'utf8'),
    [Symbol.dispose]: () => temporary[Symbol.dispose](),
  }
}

describe('loopwright init --kind triage', { timeout: 60_000 }, () => {
  it('makes all a pattern needs, says so first when asked, and then plans it from there', async () => {
    using at = world()
    makeRepo(at.project)
    const before = hashes(at.project)
    const dry = await at.type('init', '--kind', 'triage', '--pattern', 'daily-triage', '--agent', 'Claude', '--dry-run')
    expect(dry.out).toContain('would make    registry.yaml\n')
    expect(hashes(at.project)).toEqual(before)
    const made = await at.type('init', '--kind', 'triage', '--pattern', 'daily-triage', '--agent', 'Claude')
    expect(made.code).toBe(0)
    expect(made.out).toContain('made     STATE.md\n')
    expect(made.out).toContain('made     .claude/skills/minimal-fix/SKILL.md\n')
    expect(made.err).toContain('next: read LOOP.md and gate.yaml, then: loopwright plan daily-triage')
    expect(at.read('LOOP.md')).toContain('loopwright run daily-triage --level L1 --agent claude-code')
    expect((await at.type('plan', 'daily-triage', '--level', 'L1')).code).toBe(0)
  })

  it('overwrites nothing; with --force its settings, but no record', async () => {
    using at = world()
    makeTriageProject(at.project)
    write(at.project, { 'AGENTS.md': '# Ours\n' })
    const before = hashes(at.project)
    const kept = await at.type('init', '--kind', 'triage', '--pattern', 'daily-triage')
    expect(kept.out).toContain('kept     registry.yaml')
    expect(kept.out).toContain('added to AGENTS.md')
    for (const [path, hash] of hashes(at.project))
      if (path !== 'AGENTS.md' && before.has(path)) expect([path, hash]).toEqual([path, before.get(path)])
    expect(at.read('AGENTS.md')).toMatch(/^# Ours\n\n## Loops of this project\n/)
    expect(existsSync(join(at.project, 'registry.yaml'))).toBe(false)
    const forced = await at.type('init', '--kind', 'triage', '--pattern', 'daily-triage', '--force')
    expect(forced.out).toContain('replaced gate.yaml')
    expect(forced.out).toContain('kept     STATE.md')
    expect(at.read('STATE.md')).toContain("won't fix, the old till goes away")
    expect(at.read('AGENTS.md').match(/## Loops of this project/g)).toHaveLength(1)
    const second = await at.type('init', '--kind', 'triage', '--pattern', 'dependency-sweeper')
    expect(second.err).toContain('LOOP.md does not list it yet: add | dependency-sweeper | 6h-1d | active (L2) |')
  })

  it('writes through no link, and says what is wrong', async () => {
    using at = world()
    makeRepo(at.project)
    const elsewhere = join(at.project, '..', 'elsewhere')
    mkdirSync(elsewhere)
    symlinkSync(elsewhere, join(at.project, 'skills'))
    symlinkSync(join(elsewhere, 'state'), join(at.project, 'STATE.md'))
    const linked = await at.type('init', '--kind', 'triage', '--pattern', 'daily-triage')
    expect(linked).toMatchObject({ code: 2, err: expect.stringContaining('skills is a symbolic link') })
    expect(hashes(elsewhere).size).toBe(0)
    for (const [args, message] of [
      [['--kind', 'triage'], /needs a pattern[\s\S]*--pattern daily-triage/],
      [['--kind', 'triage', '--pattern', 'dayly-triage'], /no pattern "dayly-triage"[\s\S]*did you mean daily-triage/],
      [['--kind', 'triage', '--pattern', 'constructor'], /no pattern "constructor"/],
      [['--kind', 'triage', '--pattern', 'ci-sweeper', '--agent', '../x'], /no name of an agent/],
      [['--kind', 'triage', '--pattern', 'ci-sweeper', '--project-root', 'none'], /no such directory/],
      [['--pattern', 'ci-sweeper'], /--pattern goes with --kind triage/],
      [['--kind', 'repair', 'x', '--dry-run'], /--dry-run goes with --kind triage/],
    ] as const)
      expect(await at.type('init', ...args)).toMatchObject({ code: 2, err: expect.stringMatching(message) })
  })

  it('makes what git can commit and the command can list', async () => {
    using at = world()
    makeRepo(at.project)
    expect((await at.type('init', '--kind', 'triage', '--pattern', 'ci-sweeper')).code).toBe(0)
    execFileSync('git', ['add', '-A'], { cwd: at.project })
    expect((await at.type('list')).out).toMatch(/ci-sweeper .*registry\.yaml/)
  })
})
