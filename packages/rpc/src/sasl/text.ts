import { SaslError } from "./sasl-error.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** A peer's message as text. Throws {@link SaslError} when it is no UTF-8. */
export function textOf(message: Uint8Array): string {
  try {
    return decoder.decode(message);
  } catch {
    throw new SaslError("a message is not UTF-8");
  }
}

/** `name`, at `realm` unless it says a realm itself. */
export function atRealm(name: string, realm: string | null): string {
  return realm === null || name.includes("@") ? name : `${name}@${realm}`;
}
