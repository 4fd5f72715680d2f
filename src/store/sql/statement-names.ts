/**
 * How many statements a connection prepares by name. The gateway has fewer; but where a list is one parameter an
 * element, each length is another text, and each prepared statement takes memory of the server in every connection.
 */
const MAX_NAMES = 150

/**
 * Names statements by their text, so that each connection parses and plans one once. The statements that come first get
 * the names; any other has none, and is planned each time.
 */
export function createStatementNames(max = MAX_NAMES): (sql: string) => string | undefined {
  const names = new Map<string, string>()
  return (sql) => {
    const known = names.get(sql)
    if (known !== undefined || names.size >= max) return known
    const name = `atgate_${names.size}`
    names.set(sql, name)
    return name
  }
}
