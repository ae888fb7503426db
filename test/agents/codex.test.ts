import { acpSuite } from './acp.ts'
import { codexCase } from './codex.case.ts'
import { mcpSuite } from './mcp.ts'
import { agentSuite } from './suite.ts'

agentSuite(codexCase)
acpSuite(codexCase)
mcpSuite(codexCase)
