import type { Account } from './accounts.ts'
import type { Caller } from './caller.ts'
import type { FaultLog } from './fault-log.ts'
import type { Rows } from './rows.ts'
import type { Verdict } from './verdict.ts'

/** What a run happens in. */
export type World = {
  publicUrl: string
  accounts: readonly Account[]
  caller: Caller
  faults: FaultLog
  rows: Rows
  verdict: Verdict
}
