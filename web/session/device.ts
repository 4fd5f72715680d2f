import Bowser from 'bowser'

/** Describes the client that holds a session, such as "Firefox on Windows". */
export function deviceOf({ kind, userAgent }: { kind: string; userAgent?: string | null | undefined }): string {
  const fallback = kind === 'SDK' ? 'A program' : 'A browser'
  if (!userAgent) return fallback
  const { browser, os } = Bowser.parse(userAgent)
  if (!browser.name) return kind === 'SDK' ? (userAgent.split(' ')[0] ?? fallback) : fallback
  return os.name ? `${browser.name} on ${os.name}` : browser.name
}
