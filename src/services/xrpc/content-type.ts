const JSON_TYPE = 'application/json'

/** What a browser does not run, in whichever way it is made to load it: data, raster images, sound and film. */
const HARMLESS =
  /^(?:application\/vnd\.ipld\.car|image\/(?:apng|avif|bmp|gif|heic|heif|jpeg|png|webp)|(?:audio|video)\/[\w.+-]+)$/

/**
 * The type under which a response of a PDS is passed on. Anything that could be a page, a script, a style or a document
 * becomes bytes: it would be of the origin that has the session cookie.
 */
export function harmlessType(header: string | null): string {
  const type = /^\s*([\w.+-]+\/[\w.+-]+)\s*(?:;|$)/.exec(header ?? '')?.[1]?.toLowerCase() ?? ''
  // JSON has one encoding (RFC 8259 §8.1); another one said here could be a trick.
  if (type === JSON_TYPE) return `${JSON_TYPE}; charset=utf-8`
  return HARMLESS.test(type) ? type : 'application/octet-stream'
}

export function isJson(type: string): boolean {
  return type.startsWith(JSON_TYPE)
}
