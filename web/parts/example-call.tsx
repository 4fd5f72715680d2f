import { CopyButton } from './copy-button.tsx'

/** A command that calls the account's PDS with a developer token, to try it in a terminal. */
export function ExampleCall() {
  const command = `curl -H "Authorization: Bearer $ATGATE_TOKEN" ${location.origin}/xrpc/com.atproto.server.getSession`
  return (
    <details className="example">
      <summary>Try it in a terminal</summary>
      <p>
        With the token in <code>ATGATE_TOKEN</code>, this asks your server who you are. Every method under{' '}
        <code>/xrpc</code> is called in the same way, as far as the token’s permissions go.
      </p>
      <pre>
        <code>{command}</code>
      </pre>
      <CopyButton text={command} label="Copy command" tone="plain" />
    </details>
  )
}
