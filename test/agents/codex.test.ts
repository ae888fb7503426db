import { acpSuite } from './acp.ts'
import { codexCase } from './codex.case.ts'
import { agentSuite } from './suite.ts'

agentSuite(codexCase)
acpSuite(codexCase)
