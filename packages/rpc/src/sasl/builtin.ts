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

/** Some of them, for a server; those that {@link needsUsers} names need `users`. */
export function builtinServer(names: readonly string[], users: KeyStore | FindKeys | undefined): SaslServerProvider {
  const finder = new KeyFinder(users ?? nobody);
  return mechanismProvider(names.filter(isBuiltin).map((name) => serverMechanism(name, names, finder)));
}

export function isBuiltin(name: string): name is BuiltinName {
  return ["PLAIN", "EXTERNAL", "ANONYMOUS"].includes(name) || scramOf(name) !== undefined;
}

/** One sentence: what to install, and how to hand it over. */
export function missingMechanism(name: string, role: "client" | "server"): string {
  const provider = role === "client" ? "cyrusClient" : "cyrusServer";
  return (
    `mechanism ${name} is not built in: install @virnet/native and the machine's Cyrus SASL library with the plugin for it, ` +
    `and pass it as providers: [await ${provider}()], with ${provider} from "@virnet/native/cyrus"`
  );
}

/** Does a server have to know its users for this mechanism? */
export function needsUsers(name: string): boolean {
  return name === "PLAIN" || scramOf(name) !== undefined;
}

function serverMechanism(name: BuiltinName, names: readonly string[], users: KeyFinder): SaslServerMechanism {
  const base = scramOf(name);
  if (base !== undefined) {
    return scramServer(base, users, { plus: name !== base, plusOffered: names.includes(`${base}-PLUS`) });
  }
  if (name === "EXTERNAL") return externalServer;
  return name === "ANONYMOUS" ? anonymousServer : plainServer(users);
}

function scramOf(name: string): ScramName | undefined {
  return scramNames.find((scram) => name === scram || name === `${scram}-PLUS`);
}

function nobody(): null {
  return null;
}
