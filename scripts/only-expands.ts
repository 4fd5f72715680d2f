/**
 * Whether a migration only adds what a release that does not know of it need not look at: tables, columns that may be
 * left out, types, and indexes that forbid nothing. Such a migration is named `expand_…`, by which older releases know
 * that they can work with it.
 */
export function onlyExpands(script: string): boolean {
  const statements = script
    .replace(/^\s*--.*$/gm, '')
    .split(';')
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '')
  const created = new Set(statements.flatMap((statement) => /^CREATE TABLE ("\w+")/.exec(statement)?.[1] ?? []))
  return statements.every((statement) => {
    if (/^CREATE (TABLE|TYPE|INDEX)\b/.test(statement)) return true
    const table = /^(?:ALTER TABLE|CREATE UNIQUE INDEX "\w+" ON) ("\w+")/.exec(statement)?.[1]
    return table !== undefined && (created.has(table) || addsOptionalColumns(statement))
  })
}

function addsOptionalColumns(statement: string): boolean {
  const changes = /^ALTER TABLE "\w+"\s+(ADD COLUMN.*)$/s.exec(statement)?.[1]?.split(/,\s*(?=ADD |DROP |ALTER )/)
  const isOptional = (change: string) => !/\bNOT NULL\b/.test(change) || /\bDEFAULT\b/.test(change)
  return changes?.every((change) => change.startsWith('ADD COLUMN') && isOptional(change)) ?? false
}
