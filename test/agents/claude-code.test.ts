import { acpSuite } from './acp.ts'
import { claudeCodeCase } from './claude-code.case.ts'
import { mcpSuite } from './mcp.ts'
import { agentSuite } from './suite.ts'

agentSuite(claudeCodeCase)
acpSuite(claudeCodeCase)
mcpSuite(claudeCodeCase)
