export { commandAgent } from './agents/command/command.ts'
export { reply } from './agents/scripted/reply.ts'
export { type ScriptedOptions, scripted } from './agents/scripted/scripted.ts'
export { environment } from './config/process-environment.ts'
export type { Caps } from './core/budget.ts'
export { type ErrorCode, isLoopwrightError, LoopwrightError } from './core/errors.ts'
export type { JournalEvent } from './core/event.ts'
export { extractJson } from './core/extract.ts'
export type { Json, JsonObject } from './core/json.ts'
export type {
  Agent,
  AgentCall,
  AgentDelta,
  AgentOutcome,
  AgentRequest,
  AgentResponse,
  CheckResult,
  CommandSpec,
  MemoryFiles,
  Usage,
  Workspace,
  Workspaces,
} from './core/ports.ts'
export type { RunResult } from './core/result.ts'
export type { Role, RoleResult } from './core/role.ts'
export type { RepairResult, RoundItem } from './core/round.ts'
export { type GoalInput, type GoalSpec, goalJsonSchema } from './core/spec/goal.ts'
export { type RepairInput, type RepairSpec, repairJsonSchema } from './core/spec/repair.ts'
export type { Finding } from './core/triage/finding.ts'
export type { GatePolicy, GateRuling } from './core/triage/gate.ts'
export type { Level } from './core/triage/level.ts'
export type { Pattern } from './core/triage/pattern.ts'
export { buildPlan, type Plan } from './core/triage/plan.ts'
export type { EscalationRequest, TickOutcome, TickResult } from './core/triage/tick.ts'
export type { LoopContext } from './engine/context.ts'
export { defineLoop, type LoopDefinition } from './engine/define.ts'
export { builtinPatterns as patterns } from './formats/triage/patterns.ts'
export { parseRegistry } from './formats/triage/registry.ts'
export { type AskPerson, type RunHandle, type StartGoalRun, type StartLoopRun, startRun } from './library.ts'
export {
  type MemoryState,
  memoryState,
  type TickCheck,
  type TickOptions,
  tick,
} from './library-tick.ts'
export { goal } from './loops/goal.ts'
export { repair } from './loops/repair.ts'
export { memoryWorkspaces } from './workspace/memory.ts'
