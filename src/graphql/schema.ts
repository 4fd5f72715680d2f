import { builder } from './builder.ts'
import './start-authorization.ts'
import './current-user.ts'
import './developer-tokens.ts'
import './exchange.ts'
import './forget-account.ts'
import './logout.ts'
import './pds-options.ts'
import './session-changed.ts'
import './sessions.ts'
import './switch-account.ts'
import './unlink-account.ts'

/** The whole schema. Each imported file adds its types and fields. */
export const schema = builder.toSchema()
