import { acpSuite } from './acp.ts'
import { grokCase } from './grok.case.ts'
import { agentSuite } from './suite.ts'

agentSuite(grokCase)
acpSuite(grokCase)
