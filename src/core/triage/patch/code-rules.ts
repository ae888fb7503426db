import type { TextRule } from './finding.ts'

const workflow = /(?:^|\/)\.(?:github|gitea|forgejo)\/(?:workflows|actions)\/|(?:^|\/)action\.ya?ml$/i
/** Anything but pages for people. */
const code = /^(?!.*\.(?:md|mdx|rst|txt|adoc)$)/i
export const testFile =
  /(?:^|\/)(?:tests?|specs?|__tests__|e2e)\/|[._-](?:test|spec|cy)s?\.[a-z]{1,5}$|(?:^|\/)test_[^/]*\.py$|Tests?\.(?:java|kt|cs|swift)$/

const fetcher =
  /\b(?:curl|wget|iwr|irm|invoke-webrequest|invoke-restmethod|fetch|http|aria2c|lwp-request)\b\s{1,4}[^\s|]/i

/** An address that stands for no machine of others: this one, a private net, or one kept for documents. */
const tame =
  /^(?:127\.|0\.0\.0\.0|10\.|192\.168\.|172\.(?:1[6-9]|2\d|3[01])\.|192\.0\.2\.|198\.51\.100\.|203\.0\.113\.|255\.|224\.|1\.1\.1\.1$|1\.2\.3\.4$|8\.8\.[84]\.[84]$)/

/** Code that does what a reviewer has to know of. */
export const codeRules: readonly TextRule[] = [
  {
    kind: 'remote_script',
    what: 'runs what it loads from the network',
    hints: ['|'],
    shape:
      /\|\s{0,20}(?:\\\s{0,4})?(?:sudo\s{1,4})?(?:-\w{1,3}\s{1,4})?(?:env\s{1,4})?(?:\/(?:usr\/)?bin\/)?(?:(?:ba|z|da|k|a|fi)?sh|python[23]?|node|perl|ruby|php|iex|invoke-expression)\b/gi,
    counts: (match, text) => fetcher.test(text.slice(Math.max(0, match.index - 300), match.index)),
  },
  {
    kind: 'remote_script',
    what: 'runs what it loads from the network',
    hints: ['curl', 'wget', 'iwr', 'irm', 'downloadstring', 'urlopen', 'requests.get'],
    shape:
      /(?:(?:\beval|\bsource|(?:^|\s)\.|\b(?:ba|z|da)?sh(?:\s{1,3}-c)?)\s{1,4}["']?(?:\$\(|<\(|`)\s{0,4}(?:curl|wget)\b|\b(?:iex|invoke-expression)[\s(&]{1,6}(?:\(?\s{0,2}new-object\b[^\n]{0,60}downloadstring|iwr|irm|invoke-webrequest)|\b(?:exec|eval)\s{0,2}\(\s{0,4}(?:urllib[\w.]{0,20}\.urlopen|requests\.get|urlopen)\b)/gim,
  },
  {
    kind: 'decoded_code',
    what: 'runs code that is written so that nobody can read it',
    hints: ['atob', 'base64', 'fromcharcode', 'fromhex', 'marshal', 'decompress', 'gzinflate', 'unhexlify', 'rot13'],
    shape:
      /\b(?:eval|exec|execscript|function|settimeout|compile|__import__|runinthiscontext|assert|system|popen|loadstring)\s{0,3}\(\s{0,4}(?:new\s{1,3})?[\w.$(\s]{0,60}?(?:atob|base64|b64decode|fromcharcode|fromhex|unhexlify|marshal\.loads|decompress|gzinflate|str_rot13|buffer\.from\s{0,2}\([^)\n]{0,4000}(?:base64|hex))/gi,
  },
  {
    kind: 'decoded_code',
    what: 'runs code that is written so that nobody can read it',
    hints: ['base64', 'xxd', 'openssl', '-enc', 'frombase64string'],
    shape:
      /\b(?:base64\s{1,3}(?:-d|-D|--decode)|xxd\s{1,3}-r|openssl\s{1,3}(?:enc|base64)\b[^\n|]{0,60}-d)\b[^\n|]{0,80}\|\s{0,8}(?:sudo\s{1,3})?(?:(?:ba|z|da|k)?sh|python[23]?|node|perl|ruby)\b|\bpowershell(?:\.exe)?\b[^\n]{0,60}\s-e(?:nc|ncodedcommand)?\s{1,3}[A-Za-z0-9+/=]{20}/gi,
  },
  {
    kind: 'reverse_shell',
    what: 'hands a shell to another machine',
    hints: ['/dev/tcp', '/dev/udp', 'nc ', 'ncat', 'socat', 'pty.spawn', 'dup2', 'fsockopen', 'sh -i', 'mkfifo'],
    shape:
      /\/dev\/(?:tcp|udp)\/|\b(?:nc|ncat|netcat)(?:\.exe|\.traditional)?\s(?:[^\n]{0,60}\s)?(?:-\w{0,5}[ec]|--(?:sh-)?exec)\s{1,3}\S{0,12}(?:sh|cmd|bash)\b|\bsocat\b[^\n]{0,120}\bexec:|\bpty\.spawn\s{0,2}\(|\bos\.dup2\s{0,2}\(\s{0,2}\w{1,20}\.fileno\(\)\s{0,2},\s{0,2}[012]\b|\bfsockopen\s{0,2}\([^\n]{0,120}(?:proc_open|exec|\bsh\b)|\b(?:ba|z|da)?sh\s{1,3}-i\s{0,4}[0-9]?[<>]&?|\bmkfifo\s[^\n]{0,120}\bnc\b/gi,
  },
  {
    kind: 'install_script',
    what: 'runs by itself when the package is installed',
    hints: ['install', 'prepare', 'prepublish', 'postpack'],
    files: /(?:^|\/)package\.json$/i,
    shape: /"(?:pre|post)?(?:install|uninstall)"\s{0,4}:|"(?:prepare|prepublish|preprepare|postprepare)"\s{0,4}:/gi,
  },
  {
    kind: 'git_hook',
    what: 'changes what git runs, or whom it trusts',
    hints: ['hookspath', 'fsmonitor', 'sshcommand', 'insteadof', 'credential.helper', '.git/hooks', 'safe.directory'],
    shape:
      /\bcore\.(?:hookspath|fsmonitor|sshcommand)\b|\.insteadof\b|\bcredential\.helper\b|\.git\/hooks\/(?!\S{0,40}\.sample)|\bsafe\.directory\s{0,3}["'=\s]{0,3}\*/gi,
  },
  {
    kind: 'permissions',
    what: 'opens permissions to everybody, or to the superuser',
    hints: ['chmod', '0o777', '0777', 'nopasswd', 'setuid', 'setcap', 'umask'],
    shape:
      /\bchmod\s{1,4}(?:-\w{1,4}\s{1,4}){0,2}(?:0?[0-7]{0,1}777|0?666|a\+\w{0,2}w\w{0,2}|o\+w|u\+s|g\+s|\+s|[2467][0-7]{3})\b|\bchmod(?:sync)?\s{0,2}\([^)\n]{0,120}\b0o?[0-7]?(?:777|666)\b|\bnopasswd\s{0,2}:|\bsetcap\s{1,4}cap_|\bumask\s{1,4}0{1,4}\b/gi,
  },
  {
    kind: 'tls_off',
    what: 'does not look whom it talks to',
    files: code,
    hints: [
      ...['node_tls_reject', 'rejectunauthorized', 'verify=false', 'verify = false', 'insecureskipverify', 'sslverify'],
      ...[
        'ssl_no_verify',
        '_create_unverified',
        'cert_none',
        'verifypeer',
        'strict-ssl',
        'no-check-cert',
        '--insecure',
      ],
      ...['stricthostkey', 'trustall', 'accept_invalid', 'pythonhttpsverify', 'verify_none', 'curl'],
    ],
    shape:
      /\bnode_tls_reject_unauthorized["'\]\s]{0,4}[=:]\s{0,3}["']?0|\brejectunauthorized["']?\s{0,3}[:=]\s{0,3}false|\bverify\s{0,2}=\s{0,2}false\b|\binsecureskipverify\s{0,3}[:=]\s{0,3}true|\bsslverify["'\s=:]{1,4}(?:false|0)|\bgit_ssl_no_verify\b|\b_create_unverified_(?:https_)?context\b|\bcert_none\b|\bverifypeer["'\s,=:]{1,6}(?:false|0)|\bstrict-ssl["'\s=:]{1,4}false|--no-check-certificate|\bcurl\s(?:[^\n|;]{0,80}\s)?(?:-[a-z]{0,6}k[a-z]{0,6}|--insecure)(?=\s)|\bstricthostkeychecking["'\s=:]{1,4}(?:no|false|off)\b|\btrustall(?:certs|certificates|hosts)?\b|\bdanger_accept_invalid_(?:certs|hostnames)\s{0,2}\(\s{0,2}true|\bpythonhttpsverify["'\s=:]{1,4}0|\bverify_none\b/gi,
  },
  {
    kind: 'raw_address',
    what: 'talks to a machine without a name',
    hints: ['://'],
    shape:
      /\b(?:https?|ftp|wss?|tcp|ssh|socks5?):\/\/(?:[^\s/@"']{1,80}@)?(?:(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})|(0x[0-9a-f]{8}|\d{8,10}))(?![\w.-])/gi,
    counts: ([, address]) => address === undefined || !tame.test(address),
  },
  {
    kind: 'raw_address',
    what: 'talks to a machine without a name',
    hints: ['connect', 'dial', 'nc ', 'ncat'],
    shape:
      /\b(?:connect|create_connection|createconnection|dial(?:timeout)?|net\.socket|tcpclient)\s{0,2}\([^)\n]{0,60}?\b(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})\b|\bn(?:et)?cat?\s{1,3}(?:-\w{1,6}\s{1,3}){0,3}(\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3})\s{1,3}\d{2,5}\b/gi,
    counts: ([, first, second]) => !tame.test(first ?? second ?? ''),
  },
  {
    kind: 'exfiltration',
    what: 'names a place that data is carried off to',
    hints: [
      ...[
        'webhook.site',
        'requestbin',
        'pipedream.net',
        'ngrok',
        'oast',
        'interact.sh',
        'burpcollaborator',
        'transfer.sh',
      ],
      ...[
        'pastebin.com',
        'api/webhooks',
        'hookbin',
        'beeceptor',
        '169.254.169.254',
        'metadata.google',
        'trycloudflare',
        'file.io',
      ],
    ],
    shape:
      /\b(?:webhook\.site|requestbin\.\w{2,4}|[\w-]{1,60}\.pipedream\.net|[\w-]{1,60}\.ngrok(?:-free)?\.(?:io|app|dev)|[\w-]{1,60}\.oast\.\w{2,6}|interact\.sh|burpcollaborator\.net|transfer\.sh|pastebin\.com\/raw|discord(?:app)?\.com\/api\/webhooks|hookb\.in|hookbin\.com|beeceptor\.com|[\w-]{1,60}\.trycloudflare\.com|https:\/\/file\.io)\b|\b169\.254\.169\.254\b|\bmetadata\.google\.internal\b/gi,
  },
  {
    kind: 'tests',
    what: 'a test that is skipped, or that alone is run',
    hints: [
      'skip',
      'only',
      'todo',
      'fixme',
      'xit',
      'xdescribe',
      'xtest',
      'fit',
      'fdescribe',
      'ignore',
      'disabled',
      'xfail',
    ],
    files: testFile,
    shape:
      /\b(?:describe|it|test|suite|context|bench)\.(?:skip|only|todo|fixme|failing)\b|(?<![\w.])(?:xit|xdescribe|xtest|xcontext|fit|fdescribe)\s{0,2}\(\s{0,4}["'`]|@(?:pytest\.mark\.|unittest\.)?(?:skip(?:if|unless)?|xfail|disabled|ignore)\b|#\[ignore\b|\bt\.skip(?:f|now)?\(|\bpytest\.skip\(|\bself\.skiptest\(/gi,
  },
  {
    kind: 'tests',
    what: 'a test command that cannot fail',
    hints: ['"test'],
    files: /(?:^|\/)package\.json$/i,
    shape:
      /"test(?::[\w-]{1,30})?"\s{0,4}:\s{0,4}"(?:true|:|exit 0|echo[^"&|;]{0,80}|[^"]{1,200}\|\|\s{0,3}(?:true|exit 0|:))"/gi,
  },
  {
    kind: 'ci',
    what: 'gives a workflow rights or secrets, or runs the text of others in it',
    hints: [
      'pull_request_target',
      'workflow_run',
      'secrets',
      'write-all',
      ': write',
      'github.event',
      'self-hosted',
      'github.head_ref',
      'continue-on-error',
      'add-mask',
      'set-env',
      'github_env',
    ],
    files: workflow,
    shape:
      /\bpull_request_target\b|\bworkflow_run\b|\$\{\{[^}\n]{0,120}\bsecrets\b|\bsecrets:\s{0,3}inherit\b|\bpermissions:\s{0,3}write-all\b|\b(?:contents|actions|packages|deployments|id-token|pull-requests|issues|security-events|checks|statuses|attestations|pages):\s{0,3}write\b|\$\{\{[^}\n]{0,80}\bgithub\.(?:event\.(?:issue|pull_request|comment|review|discussion|head_commit|commits|pages|workflow_run|inputs)|head_ref)\b|\bself-hosted\b|\bcontinue-on-error:\s{0,3}true\b/gi,
  },
]
