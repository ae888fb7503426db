import { grokCase } from './grok.case.ts'
import { agentSuite } from './suite.ts'

agentSuite(grokCase)
