import './styles/base.css'
import './styles/layout.css'
import './styles/parts.css'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { createApiClient } from './api/client.ts'
import { App } from './app.tsx'
import { arrive } from './flows/arrive.ts'
import { takeOutcome } from './flows/outcome.ts'

const outcome = takeOutcome()
const client = createApiClient()
const arrival = arrive(client, outcome)

// A page that the browser restores from its cache shows an old state, perhaps of another account.
addEventListener('pageshow', ({ persisted }) => persisted && location.reload())

const root = document.getElementById('root')
if (root === null) throw new TypeError('index.html has no #root')
createRoot(root).render(
  <StrictMode>
    <App client={client} arrival={arrival} />
  </StrictMode>,
)
