import type { Sample } from './rates.ts'
import { type Goal, type Measure, median, type Rate } from './results.ts'

/** What is asked, as it is called where it is printed; in the order in which it is measured. */
export const ROW = {
  bareGraphql: 'bare graphql-yoga + Pothos',
  betterAuth: 'better-auth get-session',
  betterAuthCookie: 'better-auth get-session, cookie cache',
  currentUserWarm: 'currentUser, warm',
  otherCurrentUserWarm: 'currentUser, warm, other checkout',
  currentUserCold: 'currentUser, cold',
  otherCurrentUserCold: 'currentUser, cold, other checkout',
  bareHttp: 'bare node:http',
  verifyWarm: '/auth/verify, warm',
  otherVerifyWarm: '/auth/verify, warm, other checkout',
  bareSelect: 'bare SELECT by primary key',
  verifyCold: '/auth/verify, cold',
  otherVerifyCold: '/auth/verify, cold, other checkout',
  verifyColdOfFew: '/auth/verify, cold, few sessions',
  verifyColdOfMany: '/auth/verify, cold, many sessions',
} as const

export type RowKey = keyof typeof ROW

export const ROW_KEYS = Object.keys(ROW) as RowKey[]

/** Those of another checkout are measured only where one is given. */
export type Samples = Partial<Record<RowKey, Sample[]>>

type Ratio = {
  name: string
  of: RowKey
  beside: RowKey
  besideName?: string
  /** Of times rather than rates. */
  isOfTimes?: boolean
  goal: Goal | null
}

const atLeast = (value: number): Goal => ({ is: 'at least', value })
const atMost = (value: number): Goal => ({ is: 'at most', value })

function ratiosOf({ few, many }: { few: string; many: string }): Ratio[] {
  return [
    { name: ROW.currentUserWarm, of: 'currentUserWarm', beside: 'bareGraphql', goal: atLeast(1.8) },
    { name: ROW.currentUserCold, of: 'currentUserCold', beside: 'currentUserWarm', goal: atLeast(0.4) },
    { name: ROW.currentUserWarm, of: 'currentUserWarm', beside: 'betterAuth', goal: atLeast(5) },
    { name: ROW.currentUserWarm, of: 'currentUserWarm', beside: 'betterAuthCookie', goal: null },
    { name: ROW.verifyWarm, of: 'verifyWarm', beside: 'bareHttp', goal: atLeast(0.5) },
    { name: ROW.verifyCold, of: 'verifyCold', beside: 'bareSelect', goal: atLeast(0.6) },
    {
      name: `time of ${ROW.verifyCold}, ${many} sessions`,
      of: 'verifyColdOfMany',
      beside: 'verifyColdOfFew',
      besideName: `${few} sessions`,
      isOfTimes: true,
      goal: atMost(1.3),
    },
    { name: ROW.currentUserWarm, of: 'currentUserWarm', beside: 'otherCurrentUserWarm', goal: null },
    { name: ROW.currentUserCold, of: 'currentUserCold', beside: 'otherCurrentUserCold', goal: null },
    { name: ROW.verifyWarm, of: 'verifyWarm', beside: 'otherVerifyWarm', goal: null },
    { name: ROW.verifyCold, of: 'verifyCold', beside: 'otherVerifyCold', goal: null },
  ]
}

type Measured = {
  samples: Samples
  /** Megabytes for 100,000 cached sessions. */
  cacheMemory: number
  /** Milliseconds of the processor for a sign-in. */
  signInCpu: number
  /** How many sessions the database has, in the words that name them. */
  sessions: { few: string; many: string }
}

/** What the measures come to, beside what is wanted of them. */
export function measuresOf({ samples, cacheMemory, signInCpu, sessions }: Measured): Measure[] {
  return [
    ...ratiosOf(sessions).flatMap((ratio) => measuresOfRatio(ratio, samples)),
    single({ name: 'memory of 100,000 cached sessions', value: cacheMemory, unit: 'MB', goal: atMost(80) }),
    single({ name: "a sign-in, the gateway's own processor time", value: signInCpu, unit: 'ms', goal: atMost(50) }),
  ]
}

/** The medians of each row, in the order in which they are printed. */
export function ratesOf(samples: Samples): Rate[] {
  return ROW_KEYS.flatMap((key) => {
    const rounds = samples[key]
    if (rounds === undefined) return []
    const of = (field: keyof Sample) => median(rounds.map((sample) => sample[field]))
    return [{ name: ROW[key], rate: of('rate'), cpu: of('cpu'), busy: of('busy'), loadBusy: of('loadBusy') }]
  })
}

/** One, or none where the other side was not measured. */
function measuresOfRatio({ name, of, beside, besideName, isOfTimes, goal }: Ratio, samples: Samples): Measure[] {
  const [these, others] = [samples[of], samples[beside]]
  if (these === undefined || others === undefined) return []
  // Round by round, since each round had its own load of the machine.
  const ratios = these.map(({ rate }, round) => {
    const other = others[round]?.rate ?? Number.NaN
    return isOfTimes ? other / rate : rate / other
  })
  const [lowest, highest] = [Math.min(...ratios), Math.max(...ratios)]
  return [{ name, beside: besideName ?? ROW[beside], value: median(ratios), lowest, highest, unit: '', goal }]
}

function single({ value, ...others }: Pick<Measure, 'name' | 'value' | 'unit' | 'goal'>): Measure {
  return { ...others, beside: null, value, lowest: value, highest: value }
}
