/*
 * Node's diagnostics channels, without an import of node:*, for a browser can run the client. Publishing costs one
 * property read while nobody listens.
 */

/** Publishes to whoever subscribed by the channel's name. */
export interface Channel {
  readonly hasSubscribers: boolean;
  publish(message: object): void;
}

/** A channel for operations that begin and end; see Node's TracingChannel for the names of its parts. */
export interface OperationChannel {
  readonly hasSubscribers: boolean;
  tracePromise<T>(run: () => Promise<T>, context: object): Promise<T>;
}

interface DiagnosticsModule {
  channel(name: string): Channel;
  tracingChannel(name: string): OperationChannel;
}

interface Globals {
  readonly process?: { readonly getBuiltinModule?: (name: string) => DiagnosticsModule | undefined };
}

/** The channel of a name; one that nobody hears where the runtime has none. */
export function channel(name: string): Channel {
  return diagnostics()?.channel(name) ?? { hasSubscribers: false, publish() {} };
}

/** The tracing channel of a name; one that nobody hears where the runtime has none. */
export function operationChannel(name: string): OperationChannel {
  return diagnostics()?.tracingChannel(name) ?? { hasSubscribers: false, tracePromise: (run) => run() };
}

function diagnostics(): DiagnosticsModule | undefined {
  return (globalThis as Globals).process?.getBuiltinModule?.("node:diagnostics_channel");
}
