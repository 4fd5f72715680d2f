import { createServer } from 'node:http'
import { announce } from './announce.ts'

// The baseline of `/auth/verify`: node:http, which answers nothing with 200.
announce(createServer((_request, response) => response.end()))
