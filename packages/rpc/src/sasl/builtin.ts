import { anonymousClient, anonymousServer } from "./anonymous.ts";
import { externalClient, externalServer } from "./external.ts";
import { type FindKeys, KeyFinder, type KeyStore } from "./key-store.ts";
import {
  mechanismProvider,
  type SaslClientProvider,
  type SaslServerMechanism,
  type SaslServerProvider,
} from "./mechanism.ts";
import { plainClient, plainServer } from "./plain.ts";
import { scramClient } from "./scram-client.ts";
import type { ScramName } from "./scram-hash.ts";
import { scramServer } from "./scram-server.ts";

/** The mechanisms that this package brings, by the names under which they travel. */
export type BuiltinName = ScramName | `${ScramName}-PLUS` | "PLAIN" | "EXTERNAL" | "ANONYMOUS";

const scramNames: readonly ScramName[] = ["SCRAM-SHA-512", "SCRAM-SHA-256", "SCRAM-SHA-1"];

/** All of them, for a client. */
export function builtinClient(): SaslClientProvider {
  return mechanismProvider([
    ...scramNames.map((name) => scramClient(name, { plus: true })),
    ...scramNames.map((name) => scramClient(name)),
    externalClient,
    plainClient,
    anonymousClient,
  ]);
}

/** Some of them, for a server. Throws `TypeError` for a name that is none of theirs, and for one that lacks `users`. */
export function builtinServer(names: readonly string[], users: KeyStore | FindKeys | undefined): SaslServerProvider {
  const finder = users === undefined ? undefined : new KeyFinder(users);
  return mechanismProvider(names.map((name) => serverMechanism(name, names, finder)));
}

function serverMechanism(name: string, names: readonly string[], users: KeyFinder | undefined): SaslServerMechanism {
  if (name === "EXTERNAL") return externalServer;
  if (name === "ANONYMOUS") return anonymousServer;
  const base = scramNames.find((scram) => name === scram || name === `${scram}-PLUS`);
  if (base === undefined && name !== "PLAIN") throw new TypeError(unknownMechanism(name));
  if (users === undefined) throw new TypeError(`mechanism ${name} needs users`);
  if (base === undefined) return plainServer(users);
  return scramServer(base, users, { plus: name !== base, plusOffered: names.includes(`${base}-PLUS`) });
}

function unknownMechanism(name: string): string {
  return `mechanism ${name} is not built in: give a provider that has it, such as that of @virnet/native/cyrus`;
}
