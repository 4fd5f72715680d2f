import type { FastifyHelmetOptions } from '@fastify/helmet'
import type { Config } from '../config/config.ts'

/**
 * Headers of every response. They allow our own scripts and styles, images from anywhere (avatars), and no frames.
 * Scripts are those of the build: what a PDS answers under /xrpc is of this origin too.
 */
export function pagePolicy({
  secure,
  publicUrl,
  portalPath,
}: Pick<Config, 'secure' | 'publicUrl' | 'portalPath'>): FastifyHelmetOptions {
  return {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'self'"],
        scriptSrc: [`${publicUrl}${portalPath}assets/`],
        imgSrc: ["'self'", 'data:', 'https:', ...(secure ? [] : ['http:'])],
        objectSrc: ["'none'"],
        baseUri: ["'none'"],
        formAction: ["'self'"],
        frameAncestors: ["'none'"],
      },
    },
    // Browsers without Fetch Metadata tell by it that a start comes from a page of this gateway.
    referrerPolicy: { policy: 'same-origin' },
    hsts: secure ? { maxAge: 365 * 24 * 60 * 60 } : false,
    xFrameOptions: { action: 'deny' },
  }
}

/** GraphiQL is one page with inline scripts, and starts workers from them. It loads nothing from other hosts. */
export const graphiqlPolicy = {
  helmet: {
    contentSecurityPolicy: {
      useDefaults: false,
      directives: {
        defaultSrc: ["'self'"],
        scriptSrc: ["'self'", "'unsafe-inline'", 'blob:'],
        styleSrc: ["'self'", "'unsafe-inline'"],
        fontSrc: ["'self'", 'data:'],
        imgSrc: ["'self'", 'data:'],
        workerSrc: ["'self'", 'blob:'],
        objectSrc: ["'none'"],
        baseUri: ["'none'"],
        frameAncestors: ["'none'"],
      },
    },
  },
}
