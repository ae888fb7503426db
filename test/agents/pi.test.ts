import { piCase } from './pi.case.ts'
import { agentSuite } from './suite.ts'

agentSuite(piCase)
