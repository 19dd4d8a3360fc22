/** A number of one of libvirt's lists by name: in lower case, and `unknown` when the list does not have it. */
export type Named<Enum> = Lowercase<Exclude<keyof Enum & string, "LAST" | `${string}_LAST`>> | "unknown";

/** The name of each number of one of libvirt's lists. */
export function namesOf<Enum extends Readonly<Record<string, number>>>(list: Enum): (number: number) => Named<Enum> {
  const names = new Map<number, Named<Enum>>();
  // The keys of an object literal are known; Object.entries forgets them.
  for (const [name, number] of Object.entries(list)) {
    if (!/(^|_)LAST$/.test(name)) names.set(number, name.toLowerCase() as Named<Enum>);
  }
  return (number) => names.get(number) ?? "unknown";
}
