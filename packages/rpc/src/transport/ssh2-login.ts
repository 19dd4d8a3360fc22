import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { AnyAuthMethod, ParsedKey } from "ssh2";
import { nothing } from "../util/nothing.ts";
import type { SshMethod } from "./address.ts";

/** What ssh in process asks the user. A question that nobody answers counts as a no. */
export interface SshPrompts {
  /** Is this key, by its fingerprint, the host's? Asked where known_hosts knows nothing; a yes is remembered there. */
  readonly confirmHost?: (question: { readonly host: string; readonly fingerprint: string }) => Answer<boolean>;
  /** Opens a private key's file; `null` leaves the key alone. */
  readonly passphrase?: (question: { readonly keyfile: string; readonly attempt: number }) => Answer<string | null>;
  /** `null` leaves passwords alone. */
  readonly password?: (question: {
    readonly host: string;
    readonly user: string;
    readonly attempt: number;
  }) => Answer<string | null>;
  /** One answer for each prompt; `null` gives up. */
  readonly challenge?: (question: SshChallenge) => Answer<readonly string[] | null>;
}

export interface SshChallenge {
  readonly host: string;
  readonly user: string;
  readonly title: string;
  readonly instructions: string;
  /** Each with whether what is typed may be seen. */
  readonly prompts: readonly { readonly text: string; readonly echo: boolean }[];
}

type Answer<T> = T | Promise<T>;

export interface LoginParts {
  readonly host: string;
  readonly user: string;
  readonly methods: readonly SshMethod[];
  /** `null`: the usual ones. */
  readonly keyfile: string | null;
  readonly home: string;
  /** The agent's socket. */
  readonly agent: string | null;
  readonly prompts: SshPrompts;
  readonly parseKey: (text: Buffer, passphrase?: string) => ParsedKey | ParsedKey[] | Error;
}

const METHODS: readonly SshMethod[] = ["agent", "privkey", "password", "keyboard-interactive"];
/** The order in which libvirt looks for a key. */
const KEY_NAMES = ["identity", "id_dsa", "id_ecdsa", "id_ed25519", "id_rsa"];
/** As ssh has it. */
const ATTEMPTS = 3;

export const allMethods: readonly SshMethod[] = METHODS;

/** The ways to log in, one after another. `tried` is told of each, and of what stood in its way. */
export async function* logins(parts: LoginParts, tried: (what: string) => void): AsyncGenerator<AnyAuthMethod> {
  for (const method of parts.methods) yield* waysOf(method, parts, tried);
}

/** ssh's name for a method, as servers list it. */
export function wireName(method: AnyAuthMethod): string {
  return method.type === "agent" ? "publickey" : method.type;
}

function waysOf(method: SshMethod, parts: LoginParts, tried: (what: string) => void): AsyncGenerator<AnyAuthMethod> {
  switch (method) {
    case "agent":
      return byAgent(parts, tried);
    case "privkey":
      return byKeys(parts, tried);
    case "password":
      return byPassword(parts, tried);
    case "keyboard-interactive":
      return byChallenge(parts, tried);
  }
}

async function* byAgent({ agent, user }: LoginParts, tried: (what: string) => void): AsyncGenerator<AnyAuthMethod> {
  if (agent === null) return tried("no agent (SSH_AUTH_SOCK is not set)");
  tried("the agent's keys");
  yield { type: "agent", username: user, agent };
}

async function* byKeys(parts: LoginParts, tried: (what: string) => void): AsyncGenerator<AnyAuthMethod> {
  const { keyfile, home, user } = parts;
  const files = keyfile === null ? KEY_NAMES.map((name) => join(home, ".ssh", name)) : [keyfile];
  let found = false;
  for (const file of files) {
    const text = await readFile(file).catch((error: NodeJS.ErrnoException) => {
      if (keyfile !== null || error.code !== "ENOENT") tried(`${file}: ${error.code ?? error.message}`);
      return null;
    });
    if (text === null) continue;
    found = true;
    const key = await openKey(file, text, parts);
    if (key instanceof Error) tried(`${file}: ${key.message}`);
    else {
      tried(`the key ${file}`);
      yield { type: "publickey", username: user, key };
    }
  }
  if (!found && keyfile === null) tried(`no key in ${join(home, ".ssh")}`);
}

async function openKey(file: string, text: Buffer, { prompts, parseKey }: LoginParts): Promise<ParsedKey | Error> {
  let key = first(parseKey(text));
  if (!(key instanceof Error) || !/encrypted/i.test(key.message)) return key;
  if (prompts.passphrase === undefined) return new Error("it is encrypted, and nobody can be asked for the passphrase");
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const passphrase = await prompts.passphrase({ keyfile: file, attempt });
    if (passphrase === null) return new Error("it is encrypted, and no passphrase was given");
    key = first(parseKey(text, passphrase));
    if (!(key instanceof Error)) return key;
  }
  return new Error("the passphrase is wrong");
}

function first(keys: ParsedKey | ParsedKey[] | Error): ParsedKey | Error {
  return Array.isArray(keys) ? (keys[0] ?? new Error("the file holds no key")) : keys;
}

async function* byPassword(
  { host, user, prompts }: LoginParts,
  tried: (what: string) => void,
): AsyncGenerator<AnyAuthMethod> {
  if (prompts.password === undefined) return tried("no password (nobody can be asked)");
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const password = await prompts.password({ host, user, attempt });
    if (password === null) return;
    tried("a password");
    yield { type: "password", username: user, password };
  }
}

async function* byChallenge(
  { host, user, prompts }: LoginParts,
  tried: (what: string) => void,
): AsyncGenerator<AnyAuthMethod> {
  const { challenge } = prompts;
  if (challenge === undefined) return tried("no answers (nobody can be asked)");
  const dialogue = { givenUp: false };
  const answer = async (question: SshChallenge, finish: (answers: string[]) => void): Promise<void> => {
    let answers: readonly string[] | null = null;
    try {
      // A server may have something to say and nothing to ask.
      answers = question.prompts.length === 0 ? [] : await challenge(question);
    } finally {
      dialogue.givenUp = answers === null;
      finish([...(answers ?? [])]);
    }
  };
  for (let attempt = 1; attempt <= ATTEMPTS && !dialogue.givenUp; attempt++) {
    tried("answers to questions");
    yield {
      type: "keyboard-interactive",
      username: user,
      prompt: (title, instructions, _language, asked, finish) => {
        const texts = asked.map(({ prompt, echo = false }) => ({ text: prompt, echo }));
        // Whoever can't answer has given up.
        answer({ host, user, title, instructions, prompts: texts }, finish).catch(nothing);
      },
    };
  }
}
