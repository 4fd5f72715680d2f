import { Prisma, type PrismaClient } from '../../src/store/sql/generated/client.ts'

type Statements = Pick<PrismaClient, '$queryRaw' | '$executeRaw'>

/**
 * What a function sends to the database, planned there and not executed: the function gets no rows.
 * @returns the plans, one text for each statement
 */
export async function plansOf(db: PrismaClient, work: (statements: Statements) => Promise<unknown>): Promise<string[]> {
  const plans: string[] = []
  async function plan(strings: TemplateStringsArray, ...values: unknown[]): Promise<void> {
    const [first = '', ...rest] = strings
    const lines = await db.$queryRaw<{ 'QUERY PLAN': string }[]>(Prisma.sql([`EXPLAIN ${first}`, ...rest], ...values))
    plans.push(lines.map((line) => line['QUERY PLAN']).join('\n'))
  }
  const statements = {
    $queryRaw: (strings: TemplateStringsArray, ...values: unknown[]) => plan(strings, ...values).then(() => []),
    $executeRaw: (strings: TemplateStringsArray, ...values: unknown[]) => plan(strings, ...values).then(() => 0),
  }
  // Prisma's own promises can do more, of which the functions here use nothing.
  await work(statements as unknown as Statements)
  return plans
}
