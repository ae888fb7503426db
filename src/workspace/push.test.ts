import { chmodSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { FakeGithub } from '../../test/fixtures/fake-github.ts'
import { git, hashes, makeRepo, scratch, write } from '../../test/fixtures/repo.ts'
import { createGit } from './git.ts'
import { type PushRequest, pushBranch, remoteUrl } from './push.ts'
import { userSsh } from './ssh.ts'

const opened: Disposable[] = []
afterEach(() => {
  for (const one of opened.splice(0)) one[Symbol.dispose]()
})

/** A repository with a bare remote over file://, and a commit to push. */
function scene(env: Record<string, string> = {}) {
  const temporary = scratch()
  opened.push(temporary)
  const bare = join(temporary.path, 'remote.git')
  const project = makeRepo(join(temporary.path, 'project'))
  git(temporary.path, 'init', '-q', '--bare', '-b', 'main', bare)
  git(project, 'remote', 'add', 'origin', `file://${bare}`)
  git(project, 'push', '-q', 'origin', 'main')
  const commit = (text: string, on = 'main') => {
    git(project, 'checkout', '-q', '--detach', on)
    write(project, { 'b.txt': text })
    git(project, 'add', '-A')
    git(project, 'commit', '-q', '-m', text)
    const made = git(project, 'rev-parse', 'HEAD').trim()
    git(project, 'checkout', '-q', 'main')
    return made
  }
  const port = createGit({ env: { PATH: process.env.PATH, HOME: temporary.path, ...env } })
  return {
    path: temporary.path,
    bare,
    project,
    commit,
    refs: () => git(bare, 'for-each-ref', '--format=%(refname) %(objectname)').trim().split('\n'),
    push: (request: Partial<PushRequest> & { commit: string }) =>
      pushBranch({
        git: port,
        home: join(temporary.path, 'home'),
        project,
        branch: 'loopwright/run-1',
        allowLocal: true,
        ...request,
      }),
  }
}

describe('a branch of ours is pushed', () => {
  test('to the remote, alone, and the repository stays as it was', async () => {
    const w = scene()
    const commit = w.commit('one')
    git(w.project, 'tag', 'v1', commit)
    git(w.project, 'branch', 'private', commit)
    const before = hashes(w.project)
    expect(await w.push({ commit })).toEqual({ branch: 'loopwright/run-1', commit, pushed: true })
    expect(w.refs()).toEqual([`refs/heads/loopwright/run-1 ${commit}`, expect.stringMatching(/^refs\/heads\/main /)])
    expect(await w.push({ commit })).toEqual({ branch: 'loopwright/run-1', commit, pushed: false })
    expect(hashes(w.project)).toEqual(before)
    expect(existsSync(join(w.path, 'home', 'worktrees')) ? hashes(join(w.path, 'home', 'worktrees')).size : 0).toBe(0)
  })

  test('forward, and replaced only while it holds what we pushed', async () => {
    const w = scene()
    const one = w.commit('one')
    const two = w.commit('two', one)
    const other = w.commit('other')
    await w.push({ commit: one })
    expect(await w.push({ commit: two })).toMatchObject({ pushed: true })
    await expect(w.push({ commit: other })).rejects.toMatchObject({ code: 'conflict' })
    await expect(w.push({ commit: other, replace: one })).rejects.toMatchObject({ code: 'conflict' })
    expect(w.refs()[0]).toContain(two)
    expect(await w.push({ commit: other, replace: two })).toMatchObject({ pushed: true })
    expect(w.refs()[0]).toContain(other)
  })

  test('from a shallow clone, and from a linked worktree', async () => {
    const w = scene()
    for (let i = 0; i < 3; i++) git(w.project, 'commit', '-q', '--allow-empty', '-m', `c${i}`)
    git(w.project, 'push', '-q', 'origin', 'main')
    const shallow = join(w.path, 'shallow')
    git(w.path, 'clone', '-q', '--depth', '1', `file://${w.bare}`, shallow)
    git(shallow, 'commit', '-q', '--allow-empty', '-m', 'mine')
    const commit = git(shallow, 'rev-parse', 'HEAD').trim()
    expect(await w.push({ commit, project: shallow })).toMatchObject({ pushed: true })
    expect(git(w.bare, 'rev-list', '--count', 'loopwright/run-1').trim()).toBe('5')
    const linked = join(w.path, 'linked')
    git(w.project, 'worktree', 'add', '-q', '--detach', linked)
    const other = w.commit('one')
    expect(await w.push({ commit: other, project: linked, branch: 'loopwright/run-2' })).toMatchObject({ pushed: true })
  })

  test('not over what somebody else pushed there', async () => {
    const w = scene()
    const stranger = makeRepo(join(w.path, 'stranger'), { 'x.txt': 'x' })
    git(stranger, 'push', '-q', `file://${w.bare}`, 'HEAD:refs/heads/loopwright/run-1')
    await expect(w.push({ commit: w.commit('one') })).rejects.toMatchObject({
      code: 'conflict',
      message: 'somebody else moved the branch loopwright/run-1 of the remote',
    })
  })
})

describe('nothing else is', () => {
  test.each([
    'main',
    'refs/heads/main',
    'loopwright/',
    'loopwright/../main',
    'loopwright/a/b',
    'loopwright/-x',
    'loopwright/x:main',
    '+loopwright/x',
    'loopwright/x.lock',
    'loopwright/x\n',
    '',
  ])('no branch called %j', async (branch) => {
    const w = scene()
    await expect(w.push({ commit: w.commit('one'), branch })).rejects.toMatchObject({ code: 'bad_input' })
    expect(w.refs()).toHaveLength(1)
  })

  test('no commit that is none, or is not there', async () => {
    const w = scene()
    await expect(w.push({ commit: 'main' })).rejects.toMatchObject({ code: 'bad_input' })
    await expect(w.push({ commit: '--all' })).rejects.toMatchObject({ code: 'bad_input' })
    await expect(w.push({ commit: '1'.repeat(40) })).rejects.toMatchObject({ code: 'not_found' })
    await expect(w.push({ commit: git(w.project, 'rev-parse', 'HEAD^{tree}').trim() })).rejects.toMatchObject({
      code: 'not_found',
    })
  })

  test.each([
    'ext::sh -c touch% /tmp/x',
    '../remote.git',
    'git://example.org/a/b',
    'http://example.org/a/b',
    'ftp://example.org/a/b',
    'ssh://-oProxyCommand=id/x',
    '-oProxyCommand=id:x',
    'fd::17',
    'git@example.org:-x',
  ])('not to %s', async (url) => {
    const w = scene()
    git(w.project, 'config', 'remote.origin.url', url)
    await expect(w.push({ commit: w.commit('one') })).rejects.toMatchObject({
      code: expect.stringMatching(/bad_input|not_found/),
    })
  })

  test('not to a directory of this machine where that is not allowed, nor to a remote that is not there', async () => {
    const w = scene()
    const commit = w.commit('one')
    await expect(w.push({ commit, allowLocal: false })).rejects.toThrow('it is a path on this machine')
    await expect(w.push({ commit, remote: 'upstream' })).rejects.toMatchObject({ code: 'not_found' })
    await expect(w.push({ commit, remote: '--help' })).rejects.toMatchObject({ code: 'bad_input' })
  })
})

test('no hook and no program that either repository configures runs', async () => {
  const w = scene()
  const trace = join(w.path, 'trace')
  const script = `#!/bin/sh\necho "$0" >> '${trace}'\n`
  const program = join(w.path, 'evil')
  writeFileSync(program, script)
  chmodSync(program, 0o755)
  for (const hooks of [join(w.project, '.git', 'hooks'), join(w.bare, 'hooks')]) {
    for (const name of [
      'pre-push',
      'pre-receive',
      'update',
      'post-receive',
      'post-update',
      'reference-transaction',
      'proc-receive',
      'push-to-checkout',
    ]) {
      write(hooks, { [name]: script })
      chmodSync(join(hooks, name), 0o755)
    }
  }
  for (const folder of [w.project, w.bare]) {
    for (const name of [
      'core.fsmonitor',
      'core.sshCommand',
      'core.askPass',
      'credential.helper',
      'gpg.program',
      'core.alternateRefsCommand',
      'uploadpack.packObjectsHook',
      'core.gitProxy',
    ]) {
      git(folder, 'config', name, program)
    }
    git(folder, 'config', 'push.gpgSign', 'if-asked')
  }
  git(w.project, 'config', 'remote.origin.receivepack', program)
  git(w.project, 'config', 'remote.origin.uploadpack', program)
  const commit = w.commit('one')
  const before = existsSync(trace) ? readFileSync(trace, 'utf8') : ''
  expect(await w.push({ commit })).toMatchObject({ pushed: true })
  expect(existsSync(trace) ? readFileSync(trace, 'utf8') : '').toBe(before)
})

describe('over HTTP', () => {
  async function served() {
    const w = scene()
    const github = await FakeGithub.start({ bare: w.bare })
    git(w.project, 'config', 'remote.origin.url', github.gitUrl)
    const host = new URL(github.url).host
    return { ...w, github, host, [Symbol.asyncDispose]: () => github[Symbol.asyncDispose]() }
  }

  test('the token goes in a header, to its host', async () => {
    await using w = await served()
    const commit = w.commit('one')
    expect(
      await w.push({ commit, allowLocal: false, credentials: { token: w.github.token, host: w.host } }),
    ).toMatchObject({ pushed: true })
    expect(w.refs()[0]).toContain(commit)
    const basic = `Basic ${Buffer.from(`x-access-token:${w.github.token}`).toString('base64')}`
    expect(new Set(w.github.requests.map(({ authorization }) => authorization))).toEqual(new Set([basic]))
    expect(JSON.stringify(w.github.requests.map(({ path }) => path))).not.toContain(w.github.token)
  })

  test('and to no other; nobody is asked for a password', async () => {
    await using w = await served()
    const failed = w.push({ commit: w.commit('one'), credentials: { token: w.github.token, host: 'github.com' } })
    await expect(failed).rejects.toMatchObject({ code: 'workspace', hint: expect.stringContaining('GITHUB_TOKEN') })
    expect(w.github.requests.map(({ authorization }) => authorization)).toEqual([undefined])
  })

  test('a password in the URL goes in a header too, and is not shown when it is refused', async () => {
    await using w = await served()
    const commit = w.commit('one')
    const url = new URL(w.github.gitUrl)
    url.username = 'x-access-token'
    url.password = w.github.token
    git(w.project, 'config', 'remote.origin.url', url.href)
    expect(await w.push({ commit })).toMatchObject({ pushed: true })
    url.password = 'wrong-secret-word'
    git(w.project, 'config', 'remote.origin.url', url.href)
    const said = await w.push({ commit }).catch((error) => `${error.message} ${error.hint}`)
    expect(said).toContain('cannot be read')
    expect(said).not.toContain('wrong-secret-word')
  })

  test('a redirect is not followed', async () => {
    await using w = await served()
    await using other = await FakeGithub.start({ bare: w.bare })
    w.github.fail(/info\/refs/, { redirect: `${other.gitUrl}/info/refs?service=git-upload-pack` })
    await expect(
      w.push({ commit: w.commit('one'), credentials: { token: w.github.token, host: w.host } }),
    ).rejects.toMatchObject({ code: 'workspace' })
    expect(other.requests).toEqual([])
  })

  test('a credential helper that the user chose is asked', async () => {
    await using w = await served()
    const helper = `!f() { echo username=x-access-token; echo password=${w.github.token}; }; f`
    expect(await w.push({ commit: w.commit('one'), credentials: { helper, host: w.host } })).toMatchObject({
      pushed: true,
    })
  })

  test('a server that refuses is quoted', async () => {
    await using w = await served()
    w.github.fail(/receive-pack/, { status: 403 })
    await expect(
      w.push({ commit: w.commit('one'), credentials: { token: w.github.token, host: w.host } }),
    ).rejects.toMatchObject({
      code: 'workspace',
      message: expect.stringContaining('403'),
    })
  })
})

describe('over ssh', () => {
  /** A program in the place of ssh that notes what it is given and what it sees, and does what the far side would. */
  function secured(name = 'ssh') {
    const w = scene({ SSH_AUTH_SOCK: '/run/agent.sock' })
    const trace = join(w.path, 'trace')
    const program = join(w.path, 'bin', name)
    const noted = `echo "$SSH_AUTH_SOCK $*" >> '${trace}'`
    const far = 'while [ "$1" = -o ]; do shift 2; done; [ "$1" = -G ] && exit 1; shift; exec sh -c "$*"'
    write(w.path, { [`bin/${name}`]: `#!/bin/sh\n${noted}\n${far}\n`, evil: `#!/bin/sh\necho evil >> '${trace}'\n` })
    for (const one of [program, join(w.path, 'evil')]) chmodSync(one, 0o755)
    git(w.project, 'config', 'remote.origin.url', `git@example.org:${w.bare}`)
    for (const folder of [w.project, w.bare]) git(folder, 'config', 'core.sshCommand', join(w.path, 'evil'))
    const port = createGit({ env: { PATH: process.env.PATH, HOME: w.path } })
    return { ...w, program, port, noted: () => (existsSync(trace) ? readFileSync(trace, 'utf8') : '') }
  }

  test('ssh is started as the user’s own configuration says, with the agent that holds their keys, and asks nothing', async () => {
    const w = secured()
    write(w.path, { '.gitconfig': `[core]\n\tsshCommand = ${w.program}\n` })
    const ssh = await userSsh(w.port, w.project)
    expect(ssh).toBe(w.program)
    const commit = w.commit('one')
    expect(await w.push({ commit, allowLocal: false, ssh: ssh ?? '' })).toMatchObject({ pushed: true })
    expect(w.refs()[0]).toContain(commit)
    expect(w.noted()).toContain('/run/agent.sock')
    expect(w.noted()).toContain('BatchMode=yes')
    expect(w.noted()).not.toContain('evil')
  })

  test('another program than OpenSSH is given no option that it does not know', async () => {
    const w = secured('tunnel')
    expect(await w.push({ commit: w.commit('one'), allowLocal: false, ssh: w.program })).toMatchObject({ pushed: true })
    expect(w.noted()).not.toContain('BatchMode')
  })

  test('what the repository configures is no word of the user’s; what theirs includes for this place is', async () => {
    const w = secured()
    expect(await userSsh(w.port, w.project)).toBeUndefined()
    write(w.path, {
      '.gitconfig': `[includeIf "gitdir:${w.project}/"]\n\tpath = work.config\n`,
      'work.config': '[core]\n\tsshCommand = ssh -i work_key\n',
    })
    expect(await userSsh(w.port, w.project)).toBe('ssh -i work_key')
    expect(await userSsh(w.port, w.path)).toBeUndefined()
    expect(w.noted()).toBe('')
  })
})

test('a remote is named as git would use it: what the user rewrites counts, and where it is pushed to may be elsewhere', async () => {
  const w = scene()
  const port = createGit({ env: { PATH: process.env.PATH, HOME: w.path } })
  write(w.path, {
    '.gitconfig':
      '[url "https://github.com/"]\n\tinsteadOf = gh:\n[url "git@github.com:"]\n\tpushInsteadOf = https://github.com/\n',
  })
  git(w.project, 'config', 'remote.origin.url', 'gh:acme/widgets')
  const place = { top: w.project }
  expect(await remoteUrl(port, place, 'origin', 'fetch')).toBe('https://github.com/acme/widgets')
  git(w.project, 'config', 'remote.origin.url', 'https://github.com/acme/widgets')
  expect(await remoteUrl(port, place, 'origin')).toBe('git@github.com:acme/widgets')
  git(w.project, 'config', 'remote.origin.pushurl', 'gh:ada/widgets')
  expect(await remoteUrl(port, place, 'origin')).toBe('https://github.com/ada/widgets')
  expect(await remoteUrl(port, place, 'origin', 'fetch')).toBe('https://github.com/acme/widgets')
})
