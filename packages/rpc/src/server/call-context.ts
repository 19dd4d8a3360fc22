import { AsyncLocalStorage } from "node:async_hooks";
import type { Call, ServerInterceptor } from "./handlers.ts";

/**
 * The call at hand, from anywhere below its handler, without handing it down. Costs what `AsyncLocalStorage` costs, and
 * only servers that are given its interceptor.
 */
export class CallContext {
  readonly #storage = new AsyncLocalStorage<Call>();

  /** For `new Server({ interceptors: [context.interceptor] })`. */
  readonly interceptor: ServerInterceptor = (next) => (call) => this.#storage.run(call, next, call);

  /** The call that this code runs for; `undefined` outside of handlers. */
  current(): Call | undefined {
    return this.#storage.getStore();
  }
}
