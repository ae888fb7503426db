import { acpSuite } from './acp.ts'
import { mcpSuite } from './mcp.ts'
import { opencodeCase } from './opencode.case.ts'
import { agentSuite } from './suite.ts'

agentSuite(opencodeCase)
acpSuite(opencodeCase)
mcpSuite(opencodeCase)
