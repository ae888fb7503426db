import { acpSuite } from './acp.ts'
import { geminiCase } from './gemini.case.ts'
import { mcpSuite } from './mcp.ts'
import { agentSuite } from './suite.ts'

agentSuite(geminiCase)
acpSuite(geminiCase)
mcpSuite(geminiCase)
