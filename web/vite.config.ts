import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'
import { compression } from 'vite-plugin-compression2'

/** The portal (`npm run build`): web/dist/, which the gateway serves. */
export default defineConfig({
  root: import.meta.dirname,
  plugins: [
    react(),
    // Compressed once here instead of at every request.
    compression({ algorithms: ['gzip', 'brotliCompress'], include: /\.(html|js|css|svg)$/, threshold: 1024 }),
  ],
  build: {
    target: 'es2023',
    // Browsers as recent as the target preload modules by themselves.
    modulePreload: { polyfill: false },
    // Nothing is inlined as data: the content security policy wants files.
    assetsInlineLimit: 0,
  },
  server: {
    // For work on the portal (`npx vite web`): everything else is the sandbox's.
    proxy: { '^/(graphql|auth|oauth-client-metadata.json)': 'http://127.0.0.1:4000' },
  },
})
