import type { ServerClient } from "virnet/server";
import { defaultState } from "./default-state.ts";
import { SavedImages } from "./domain/saved-images.ts";
import { emptyHypervisor, type Hypervisor } from "./hypervisor.ts";
import { MemoryGuard } from "./memory-guard.ts";
import { Session, type SessionParts } from "./session.ts";
import { VolumeFiles } from "./storage/volume-files.ts";

/** The state behind all connections: it lasts while one of them is open, and starts afresh afterwards. */
export class Daemon {
  readonly #sessions = new Map<ServerClient, Session>();
  readonly #parts: SessionParts = {
    lease: { acquire: () => this.#acquire(), release: () => this.#release() },
    images: new SavedImages(),
    guard: new MemoryGuard(),
    files: new VolumeFiles(),
  };
  #hypervisor: Hypervisor | null = null;
  #users = 0;

  /** The session of a client, from its first call until it is gone. */
  session(client: ServerClient): Session {
    const known = this.#sessions.get(client);
    if (known !== undefined) return known;
    const session = new Session(client, this.#parts);
    this.#sessions.set(client, session);
    client.signal.addEventListener("abort", () => this.#end(client), { once: true });
    return session;
  }

  /** Removes what volumes held. */
  async close(): Promise<void> {
    await this.#parts.files.close();
  }

  #end(client: ServerClient): void {
    this.#sessions.get(client)?.close();
    this.#sessions.delete(client);
  }

  #acquire(): Hypervisor {
    this.#users += 1;
    this.#hypervisor ??= freshHypervisor();
    return this.#hypervisor;
  }

  #release(): void {
    this.#users -= 1;
    if (this.#users > 0) return;
    this.#hypervisor = null;
    this.close().catch(logFailure);
  }
}

/** A directory that can't be removed holds up nobody. */
function logFailure(error: unknown): void {
  console.error("testd: what volumes held could not be removed:", error);
}

function freshHypervisor(): Hypervisor {
  const hypervisor = emptyHypervisor();
  defaultState(hypervisor);
  return hypervisor;
}
