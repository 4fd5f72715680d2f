import escapeHtml from 'escape-html'

/** Markup: text that is already HTML. Made by `html` alone. */
export class Html {
  readonly #markup: string

  constructor(markup: string) {
    this.#markup = markup
  }

  toString(): string {
    return this.#markup
  }
}

/**
 * Makes markup of a template. What is put in is escaped, for text and for quoted attributes, unless it is markup
 * itself.
 */
export function html(literals: TemplateStringsArray, ...values: readonly (string | Html)[]): Html {
  const escaped = values.map((value) => (value instanceof Html ? value.toString() : escapeHtml(value)))
  return new Html(String.raw({ raw: literals }, ...escaped))
}
