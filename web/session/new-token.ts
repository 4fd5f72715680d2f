/** The secret of a developer token that was just created, until the user dismisses it. */
export type NewToken = { secret: string; dismiss: () => void } | null
