import { UriError } from "./uri-error.ts";

/** What libvirt.conf says to clients (libvirt-rpc §3.3). Absent is `null`. */
export interface ClientConfig {
  /** The URI of those who name none. */
  readonly uriDefault: string | null;
  readonly uriAliases: ReadonlyMap<string, string>;
  readonly remoteMode: string | null;
  readonly remoteProxy: string | null;
  readonly tlsPriority: string | null;
}

export const emptyConfig: ClientConfig = {
  uriDefault: null,
  uriAliases: new Map(),
  remoteMode: null,
  remoteProxy: null,
  tlsPriority: null,
};

/** Reads libvirt.conf. Throws {@link UriError} with `file` and the line of what is wrong. */
export function parseClientConfig(text: string, file: string): ClientConfig {
  const settings = new Map(readSettings(text, file).map((setting) => [setting.key, setting]));
  const string = (key: string): string | null => {
    const setting = settings.get(key);
    if (setting === undefined) return null;
    if (typeof setting.value !== "string") throw wrong(file, setting.line, `${key} must be a text in quotes`);
    return setting.value;
  };
  return {
    uriDefault: string("uri_default"),
    uriAliases: aliasesOf(settings.get("uri_aliases"), file),
    remoteMode: string("remote_mode"),
    remoteProxy: string("remote_proxy"),
    tlsPriority: string("tls_priority"),
  };
}

interface Setting {
  readonly key: string;
  readonly value: Value;
  readonly line: number;
}

type Value = string | bigint | Value[];

function aliasesOf(setting: Setting | undefined, file: string): ReadonlyMap<string, string> {
  if (setting === undefined) return new Map();
  const { value, line } = setting;
  if (!Array.isArray(value)) throw wrong(file, line, 'uri_aliases must be a list of "name=URI"');
  return new Map(
    value.map((item) => {
      const found = typeof item === "string" ? /^(?<name>[A-Za-z0-9_-]+)=(?<uri>.+)$/.exec(item) : null;
      if (found === null) {
        throw wrong(
          file,
          line,
          `the alias ${String(item)} is not of the form name=URI, its name of letters, digits, _ and -`,
        );
      }
      return [found.groups?.["name"] ?? "", found.groups?.["uri"] ?? ""];
    }),
  );
}

/** Lists in lists are nobody's wish; so deep they are refused before they cost anything. */
const MAX_DEPTH = 8;

function readSettings(text: string, file: string): Setting[] {
  const reader = new Reader(text, file);
  const settings: Setting[] = [];
  for (reader.skip(); !reader.done; reader.skip()) settings.push(reader.setting());
  return settings;
}

/** libvirt's syntax: `key = value`; texts in ', " or """, numbers, lists in brackets; # begins a comment. */
class Reader {
  readonly #text: string;
  readonly #file: string;
  #at = 0;

  constructor(text: string, file: string) {
    this.#text = text;
    this.#file = file;
  }

  get done(): boolean {
    return this.#at >= this.#text.length;
  }

  /** White space and comments. */
  skip(): void {
    this.#take(/(?:\s+|#.*)*/y);
  }

  setting(): Setting {
    const line = this.#line;
    const key = this.#take(/[A-Za-z_][A-Za-z0-9_.-]*/y);
    if (key === "") throw this.#wrong("expected the name of a setting");
    this.#take(/[ \t]*/y);
    if (this.#take(/=/y) === "") throw this.#wrong(`expected = behind ${key}`);
    this.#take(/[ \t]*/y);
    const value = this.#value(0);
    this.#take(/[ \t]*(?:#.*)?/y);
    if (!this.done && this.#take(/\r?\n/y) === "") throw this.#wrong(`more than one value for ${key}`);
    return { key, value, line };
  }

  #value(depth: number): Value {
    if (this.#text.startsWith("[", this.#at) && depth < MAX_DEPTH) return this.#list(depth);
    const number = this.#take(/[+-]?\d+/y);
    if (number !== "") return BigInt(number.replace(/^\+/, ""));
    const quoted = this.#take(/"""[\s\S]*?"""|"(?!"")[^"\n]*"|'[^'\n]*'/y);
    if (quoted === "") throw this.#wrong("expected a text in quotes, a number or a list");
    return quoted.startsWith('"""') ? quoted.slice(3, -3) : quoted.slice(1, -1);
  }

  #list(depth: number): Value[] {
    const items: Value[] = [];
    this.#at += 1;
    for (;;) {
      this.skip();
      if (this.#take(/\]/y) !== "") return items;
      items.push(this.#value(depth + 1));
      this.skip();
      if (this.#take(/,/y) === "" && !this.#text.startsWith("]", this.#at)) throw this.#wrong("expected , or ]");
    }
  }

  #take(pattern: RegExp): string {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0] ?? "";
    this.#at += found.length;
    return found;
  }

  get #line(): number {
    return this.#text.slice(0, this.#at).split("\n").length;
  }

  #wrong(problem: string): UriError {
    return wrong(this.#file, this.#line, problem);
  }
}

function wrong(file: string, line: number, problem: string): UriError {
  return new UriError(`${file}, line ${line}: ${problem}`);
}
