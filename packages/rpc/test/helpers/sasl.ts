import type { SaslClientContext, SaslExchange, SaslServerContext, SaslStep } from "../../src/sasl/mechanism.ts";

/** Never aborts. */
export const patient: AbortSignal = new AbortController().signal;

export const serverContext: SaslServerContext = {
  service: "libvirt",
  host: "localhost",
  local: "127.0.0.1;0",
  remote: "127.0.0.1;0",
  external: null,
  minSsf: 0,
  maxSsf: 0,
  maxBuffer: 65_536,
  plaintext: true,
  anonymous: true,
  realm: null,
  channelBinding: () => null,
};

export function clientContext(
  user: string | null,
  password: string | null,
  rest: Partial<SaslClientContext> = {},
): SaslClientContext {
  const { realm: _, ...base } = serverContext;
  const answers: Record<string, string | null> = { authname: user, passphrase: password };
  return { ...base, offered: [], ask: async ({ kind }) => answers[kind] ?? null, ...rest };
}

type Done = Extract<SaslStep, { done: true }>;

/** Leads both sides to the end, as libvirt's calls do: both have to be satisfied. */
export async function converse(client: SaslExchange, server: SaslExchange): Promise<{ client: Done; server: Done }> {
  let said = await client.step(null, patient);
  for (;;) {
    const heard = await server.step(said.output, patient);
    if (heard.done && said.done) return { client: said, server: heard };
    said = await client.step(heard.output, patient);
    if (heard.done && said.done) return { client: said, server: heard };
  }
}

export function text(message: Uint8Array | null): string | null {
  return message === null ? null : new TextDecoder().decode(message);
}

export function bytes(message: string): Uint8Array {
  return new TextEncoder().encode(message);
}
