/** One group of filter flags: bits that are alternatives to each other. An empty group lets everything pass. */
export function oneOf(flags: number, ...choices: readonly (readonly [bit: number, holds: boolean])[]): boolean {
  const asked = choices.filter(([bit]) => (flags & bit) !== 0);
  return asked.length === 0 || asked.some(([, holds]) => holds);
}
