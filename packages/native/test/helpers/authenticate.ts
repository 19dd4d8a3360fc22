import { hostname } from "node:os";
import type {
  SaslClientContext,
  SaslClientProvider,
  SaslContext,
  SaslServerContext,
  SaslServerProvider,
  SaslStep,
} from "virnet/sasl";

export type Done = Extract<SaslStep, { done: true }>;

export interface Sides {
  readonly client: SaslClientProvider;
  readonly server: SaslServerProvider;
}

const common: SaslContext = {
  service: "libvirt",
  host: "localhost",
  local: "127.0.0.1;16509",
  remote: "127.0.0.1;40000",
  external: null,
  minSsf: 0,
  maxSsf: 0,
  maxBuffer: 65536,
  plaintext: true,
  anonymous: true,
  channelBinding: () => null,
};

/** Answers of a client, by what is asked. */
export type Answers = Readonly<Record<string, string>>;

export function clientContext(answers: Answers, changes: Partial<SaslClientContext> = {}): SaslClientContext {
  return { ...common, offered: [], ask: async ({ kind }) => answers[kind] ?? null, ...changes };
}

export function serverContext(changes: Partial<SaslServerContext> = {}): SaslServerContext {
  return { ...common, host: hostname(), realm: null, ...changes };
}

/** What a connection without protection of its own demands. */
export const wantsLayer: Partial<SaslContext> = { minSsf: 56, maxSsf: 100_000, plaintext: false, anonymous: false };

/** Runs an authentication to its end, as libvirt's procedures carry it: a client that is done need not be asked again. */
export async function authenticate(
  { client, server }: Sides,
  mechanism: string,
  ofClient: SaslClientContext,
  ofServer: SaslServerContext,
  signal: AbortSignal = AbortSignal.timeout(20_000),
): Promise<{ client: Done; server: Done }> {
  using ours = closing(client.start(mechanism, ofClient));
  using theirs = closing(server.start(mechanism, ofServer));
  let said = await ours.step(null, signal);
  let heard = await theirs.step(said.output, signal);
  while (!said.done || !heard.done) {
    if (!said.done) said = await ours.step(heard.output, signal);
    if (!heard.done) heard = await theirs.step(said.output, signal);
  }
  return { client: said, server: heard };
}

function closing<T extends { close(): void }>(exchange: T): T & Disposable {
  return Object.assign(exchange, { [Symbol.dispose]: () => exchange.close() });
}
