/** The secret of a developer token that was just made, until its owner has copied it. */
export type NewToken = { secret: string; dismiss: () => void } | null
