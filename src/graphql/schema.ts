import { builder } from './builder.ts'
import './start-authorization.ts'
import './current-user.ts'
import './developer-tokens.ts'
import './exchange.ts'
import './logout.ts'
import './pds-options.ts'
import './session-changed.ts'
import './sessions.ts'
import './switch-account.ts'
import './unlink-account.ts'

/** The whole schema: each file above adds its noun. */
export const schema = builder.toSchema()
