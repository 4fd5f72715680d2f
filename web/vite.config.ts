import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'
import { compression } from 'vite-plugin-compression2'

/** The portal (`npm run build`): web/dist/, which the gateway serves. */
export default defineConfig({
  root: import.meta.dirname,
  plugins: [
    react(),
    // Compressed once at build time, not at each request.
    compression({ algorithms: ['gzip', 'brotliCompress'], include: /\.(html|js|css|svg)$/, threshold: 1024 }),
  ],
  build: {
    target: 'es2023',
    // Browsers of the target preload modules natively.
    modulePreload: { polyfill: false },
    // Nothing is inlined as data: URLs, because the content security policy allows files only.
    assetsInlineLimit: 0,
  },
  server: {
    // For work on the portal (`npx vite web`): the sandbox serves everything else.
    proxy: { '^/(graphql|auth|oauth-client-metadata.json)': 'http://127.0.0.1:4000' },
  },
})
