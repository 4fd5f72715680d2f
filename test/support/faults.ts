/**
 * The object with some members replaced: for faults that the real one cannot be made to show. The object itself stays
 * as it is.
 */
export function withMembers<T extends object>(object: T, members: { [Name in keyof T]?: unknown }): T {
  return new Proxy(object, {
    get: (target, name) =>
      Object.hasOwn(members, name) ? Reflect.get(members, name) : Reflect.get(target, name, target),
  })
}
