import type { UriParameter } from "./uri.ts";
import { UriError } from "./uri-error.ts";

/** The parameters that this side consumes, whatever the transport; all others travel on (libvirt-rpc §3.2). */
const CONSUMED: ReadonlySet<string> = new Set(
  (
    "name command argv socket auth sshauth netcat keyfile pkipath known_hosts known_hosts_verify " +
    "tls_priority mode proxy no_sanity no_verify no_tty authfile"
  ).split(" "),
);

interface Parameter extends UriParameter {
  /** Where its value begins. */
  readonly at: number;
}

/** Of a parameter that is given twice the last one counts, as with libvirt. */
export class Query {
  readonly #text: string;
  readonly #known = new Map<string, Parameter[]>();
  readonly unknown: UriParameter[] = [];

  /** `&` and `;` separate; empty items and items without a name are dropped. */
  constructor(query: string, text: string, at: number) {
    this.#text = text;
    for (const item of query.split(/[&;]/)) {
      const [raw = ""] = item.split("=", 1);
      const name = decoded(raw, text, at);
      const valueAt = at + Math.min(raw.length + 1, item.length);
      const value = decoded(item.slice(raw.length + 1), text, valueAt);
      at += item.length + 1;
      if (name === "") continue;
      const key = name.toLowerCase();
      if (!CONSUMED.has(key)) this.unknown.push({ name, value });
      else this.#known.set(key, [...(this.#known.get(key) ?? []), { name, value, at: valueAt }]);
    }
  }

  text(key: string): string | null {
    return this.#last(key)?.value ?? null;
  }

  all(key: string): string[] {
    return (this.#known.get(key) ?? []).map(({ value }) => value);
  }

  required(key: string): string {
    const value = this.text(key);
    if (value === null || value === "") throw new UriError(`${key}= is missing`, this.#text, this.#text.length);
    return value;
  }

  /** A number, and anything but 0 means yes. */
  flag(key: string): boolean {
    const value = this.text(key);
    if (value === null) return false;
    if (!/^\s*[+-]?\d+$/.test(value)) throw this.wrong(key, "expected a number, 0 for no and 1 for yes");
    return Number(value) !== 0;
  }

  oneOf<T extends string>(key: string, words: readonly T[]): T | null {
    const value = this.text(key);
    if (value === null) return null;
    const word = words.find((known) => known === value);
    if (word === undefined) throw this.wrong(key, `expected ${words.join(", ")}`);
    return word;
  }

  /** `read` gives what the value means; `undefined` where it is not what was `expected`. */
  read<T>(key: string, read: (value: string) => T | undefined, expected: string): T | null {
    const value = this.text(key);
    if (value === null) return null;
    const meaning = read(value);
    if (meaning === undefined) throw this.wrong(key, `expected ${expected}`);
    return meaning;
  }

  wrong(key: string, problem: string): UriError {
    const { value = "", at = 0 } = this.#last(key) ?? {};
    return new UriError(`${key}=${value}: ${problem}`, this.#text, at);
  }

  #last(key: string): Parameter | undefined {
    return this.#known.get(key)?.at(-1);
  }
}

/** Percent-decoded. A NUL would cut the text short for everybody who reads it with C. */
export function decoded(part: string, text: string, at: number): string {
  const broken = part.search(/%(?![0-9a-f]{2})/i);
  if (broken >= 0) throw new UriError("two hexadecimal digits belong behind %; % itself is %25", text, at + broken);
  const nul = part.indexOf("%00");
  if (nul >= 0) throw new UriError("%00 can't be part of a URI", text, at + nul);
  try {
    return decodeURIComponent(part);
  } catch {
    throw new UriError("what is percent-encoded here is no UTF-8", text, at + part.indexOf("%"));
  }
}
