/**
 * Whether a distinguished name is in an allow-list: all are when there is none, and nobody is in an empty one (F106).
 * In a pattern `*` stands for any text and `?` for any one character; there are no other wildcards and no escapes.
 */
export function isListed(name: string, patterns: readonly string[] | undefined): boolean {
  return patterns === undefined || patterns.some((pattern) => matchesPattern(name, pattern));
}

/** Takes a text times pattern steps at worst: the last `*` alone is tried again, so no pattern explodes. */
export function matchesPattern(text: string, pattern: string): boolean {
  const characters = Array.from(text);
  const wanted = Array.from(pattern);
  let at = 0;
  let step = 0;
  let star = -1;
  let retry = 0;
  while (at < characters.length) {
    if (wanted[step] === "*") {
      star = step++;
      retry = at;
    } else if (wanted[step] === "?" || wanted[step] === characters[at]) {
      step++;
      at++;
    } else if (star >= 0) {
      step = star + 1;
      at = ++retry;
    } else return false;
  }
  return wanted.slice(step).every((rest) => rest === "*");
}
