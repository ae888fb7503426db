import { acpSuite } from './acp.ts'
import { codexByProgram, codexCase } from './codex.case.ts'
import { mcpSuite } from './mcp.ts'
import { agentSuite } from './suite.ts'

agentSuite(codexCase)
acpSuite(codexCase)
mcpSuite(codexCase)
mcpSuite(codexCase, codexByProgram)
