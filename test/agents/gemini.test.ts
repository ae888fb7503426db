import { geminiCase } from './gemini.case.ts'
import { agentSuite } from './suite.ts'

agentSuite(geminiCase)
