/** A store that this run has to itself, and may break. */
export type Service = {
  name: string
  url: string
  /** Stops it in order and starts it again. */
  restart(): Promise<void>
  /** Ends its processes as a crash of them does, and starts it again. */
  kill(): Promise<void>
  /** Stops its processes for so long: connections stand, and nothing answers. */
  freeze(ms: number): Promise<void>
  stop(): Promise<void>
}
