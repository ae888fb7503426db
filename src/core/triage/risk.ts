import { type RiskClass, riskClasses } from './gate.ts'

const set = (text: string): ReadonlySet<string> => new Set(text.split(/\s+/).filter((word) => word !== ''))

/** Words of folders and file names, by the risk they stand for. */
const words: Readonly<Record<RiskClass, ReadonlySet<string>>> = {
  security: set(`
    acl acls auth auth0 authn authz authenticate authenticated authentication authenticator authorise authorize authorization
    authorisation authorizer bcrypt captcha cert certs certificate certificates cookie cookies cors credential credentials crypto
    cryptography csp csrf decrypt decryption encrypt encryption firewall iam jwt jwks kerberos keychain keyring keystore kms ldap
    login logout mfa oauth oauth2 oidc otp passkey passkeys passwd password passwords permission permissions pki rbac saml
    sanitize sanitizer secret secrets security session sessions signin signup sso ssl sudo sudoers tls totp vault webauthn xss 2fa`),
  payments: set(`
    aml billing ccpa checkout creditcard customer customers gdpr hipaa iban invoice invoices invoicing kyc mollie paddle payment
    payments payout payouts paypal payroll pci personaldata pii privacy refund refunds ssn stripe subscription subscriptions
    braintree adyen klarna tax taxes wallet wallets consent`),
  infrastructure: set(`
    ansible argocd cdk cloudformation deploy deployment deployments haproxy helm infra infrastructure iac istio k8s kube
    kubernetes kustomize migration migrations nginx nomad packer prod production pulumi puppet saltstack systemd terraform
    terragrunt vagrant`),
  dependencies: set(`vendor vendored thirdparty`),
}

const names: Readonly<Record<RiskClass, ReadonlySet<string>>> = {
  security: set(
    '.htaccess .htpasswd .netrc .npmrc .pypirc id_rsa id_dsa id_ecdsa id_ed25519 authorized_keys known_hosts',
  ),
  payments: set(''),
  infrastructure: set(`
    .travis.yml .gitlab-ci.yml .drone.yml .woodpecker.yml .cirrus.yml jenkinsfile procfile
    appveyor.yml azure-pipelines.yml bitbucket-pipelines.yml cloudbuild.yaml cloudbuild.yml buildspec.yml chart.yaml
    containerfile dockerfile vagrantfile caddyfile crontab fly.toml vercel.json netlify.toml wrangler.toml wrangler.jsonc
    render.yaml app.yaml skaffold.yaml serverless.yml serverless.yaml samconfig.toml firebase.json firestore.rules storage.rules
    .dockerignore`),
  dependencies: set(`
    package.json package-lock.json npm-shrinkwrap.json yarn.lock .yarnrc .yarnrc.yml pnpm-lock.yaml pnpm-workspace.yaml
    .pnpmfile.cjs bun.lock bun.lockb bunfig.toml deno.json deno.jsonc deno.lock jsr.json bower.json lerna.json pyproject.toml poetry.lock
    uv.lock pdm.lock pixi.lock pixi.toml pipfile pipfile.lock setup.py setup.cfg environment.yml environment.yaml conda-lock.yml
    cargo.toml cargo.lock go.mod go.sum go.work go.work.sum gemfile gemfile.lock gems.rb gems.locked composer.json composer.lock
    pom.xml build.gradle build.gradle.kts settings.gradle settings.gradle.kts gradle.lockfile gradle.properties
    libs.versions.toml gradle-wrapper.properties gradle-wrapper.jar packages.config packages.lock.json nuget.config
    directory.packages.props directory.build.props directory.build.targets global.json mix.exs mix.lock rebar.config rebar.lock
    package.swift package.resolved podfile podfile.lock cartfile cartfile.resolved pubspec.yaml pubspec.lock build.sbt project.clj
    deps.edn stack.yaml stack.yaml.lock cabal.project cabal.project.freeze flake.nix flake.lock conanfile.py conanfile.txt conan.lock
    vcpkg.json workspace workspace.bazel module.bazel module.bazel.lock project.toml manifest.toml renv.lock elm.json dub.json
    dub.selections.json shard.yml shard.lock .gitmodules .tool-versions .nvmrc .node-version .python-version .ruby-version
    rust-toolchain rust-toolchain.toml .terraform.lock.hcl dependabot.yml dependabot.yaml renovate.json renovate.json5 .renovaterc
    .renovaterc.json spago.dhall gleam.toml`),
}

/** Folders whose names are no words. */
const folders: Readonly<Record<RiskClass, ReadonlySet<string>>> = {
  security: set('.ssh .gnupg .aws .sops'),
  payments: set(''),
  infrastructure: set('.circleci .buildkite .teamcity .ci .gitlab .terraform .kube'),
  dependencies: set('.yarn node_modules third_party'),
}

const endings: readonly (readonly [RiskClass, RegExp])[] = [
  ['security', /\.(?:pem|key|p12|pfx|jks|keystore|kdbx|gpg|pgp|asc|crt|cer|der|ppk)$/],
  [
    'infrastructure',
    /\.(?:tf|tfvars|hcl|tfstate|bicep|nomad|rego|service|timer)$|^(?:docker-)?compose\b.*\.ya?ml$|^(?:dockerfile|containerfile)\.|\.dockerfile$|\.tf\.json$|^pulumi\..*ya?ml$|^values.*\.ya?ml$/,
  ],
  [
    'dependencies',
    /^(?:requirements|constraints).{0,80}\.(?:txt|in)$|\.(?:gemspec|csproj|fsproj|vbproj|podspec|cabal|opam|rockspec|sbt|nimble)$|[.-]lock(?:b|file)?$|\.lock\.json$/,
  ],
]

/** The risks that a change of this file carries, going by its name alone. @param original the path with its letter case */
export function risksOf(original: string, folded: readonly string[]): readonly RiskClass[] {
  const file = folded.at(-1) ?? ''
  const said = new Set(wordsOf(original))
  return riskClasses.filter(
    (risk) =>
      names[risk].has(file) ||
      folded.some((name) => folders[risk].has(name)) ||
      [...said].some((word) => words[risk].has(word)) ||
      endings.some(([of, shape]) => of === risk && shape.test(file)),
  )
}

/** `src/OAuthClient_v2.ts` → src, o, auth, oauth, client, v2, ts: apart, and two neighbours as one word. */
function wordsOf(path: string): string[] {
  return path.split('/').flatMap((name) => {
    const apart = name
      .replace(/(\p{Ll}|\d)(\p{Lu})/gu, '$1 $2')
      .replace(/(\p{Lu})(\p{Lu}\p{Ll})/gu, '$1 $2')
      .split(/[^\p{L}\p{N}]+/u)
      .filter((word) => word !== '')
      .map((word) => word.toUpperCase().toLowerCase())
    const whole = name.split(/[^\p{L}\p{N}]+/u).map((word) => word.toUpperCase().toLowerCase())
    return [...apart, ...whole, ...apart.slice(1).map((word, at) => `${apart[at]}${word}`)]
  })
}
