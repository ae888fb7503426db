import { acpSuite } from './acp.ts'
import { geminiCase } from './gemini.case.ts'
import { agentSuite } from './suite.ts'

agentSuite(geminiCase)
acpSuite(geminiCase)
