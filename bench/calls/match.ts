import { Child } from "./child.ts";
import type { ClientAnswer, ClientQuestion } from "./client-process.ts";
import type { ContenderName, Place } from "./contender.ts";
import type { Load } from "./load.ts";
import type { Usage } from "./meter.ts";
import type { ServerQuestion } from "./server-process.ts";
import { percentile } from "./stats.ts";

/** One round of one contender. Times in microseconds, CPU and bytes per call. */
export interface Round {
  readonly callsPerSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly clientCpu: number;
  /** Absent where client and server are one process: the client's has both. */
  readonly serverCpu?: number;
  readonly clientBytes?: number;
  readonly serverBytes?: number;
}

/** Client and server of one contender over one carrier, each a process, alive for all rounds. */
export class Match implements AsyncDisposable {
  readonly #client: Child;
  readonly #server: Child | undefined;

  private constructor(client: Child, server?: Child) {
    this.#client = client;
    this.#server = server;
  }

  static async open(name: ContenderName, place: Place): Promise<Match> {
    const server = Child.start("server-process.js", [name]);
    const question: ServerQuestion = { ask: "serve", place };
    const at = await server.ask<Place>(question);
    return new Match(Child.start("client-process.js", [name, JSON.stringify(at)]), server);
  }

  /** Against a server that runs already, and whose expenses are not counted. */
  static against(name: ContenderName, place: Place): Match {
    return new Match(Child.start("client-process.js", [name, JSON.stringify(place)]));
  }

  /** Both ends in one process. */
  static openInMemory(name: ContenderName): Match {
    return new Match(Child.start("client-process.js", [name]));
  }

  /** `heap`: whether to count allocations, which costs a little. */
  async play(load: Load, heap: boolean): Promise<Round> {
    await this.#askServer({ ask: "start", heap });
    const question: ClientQuestion = { load, heap };
    const { tally, usage } = await this.#client.ask<ClientAnswer>(question);
    const served = await this.#askServer<Usage>({ ask: "stop" });
    return {
      callsPerSecond: (tally.calls * 1000) / tally.milliseconds,
      p50: percentile(tally.samples, 0.5) * 1000,
      p99: percentile(tally.samples, 0.99) * 1000,
      clientCpu: usage.cpu / tally.calls,
      ...(usage.allocated !== undefined && { clientBytes: usage.allocated / tally.calls }),
      ...(served !== undefined && { serverCpu: served.cpu / tally.calls }),
      ...(served?.allocated !== undefined && { serverBytes: served.allocated / tally.calls }),
    };
  }

  async #askServer<Answer>(question: ServerQuestion): Promise<Answer | undefined> {
    return this.#server?.ask<Answer>(question);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client[Symbol.asyncDispose]();
    await this.#server?.[Symbol.asyncDispose]();
  }
}
