import { acpSuite } from './acp.ts'
import { copilotCase } from './copilot.case.ts'
import { mcpSuite } from './mcp.ts'
import { agentSuite } from './suite.ts'

agentSuite(copilotCase)
acpSuite(copilotCase)
mcpSuite(copilotCase)
