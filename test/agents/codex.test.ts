import { codexCase } from './codex.case.ts'
import { agentSuite } from './suite.ts'

agentSuite(codexCase)
