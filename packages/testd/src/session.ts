import type { ServerClient } from "virnet/server";
import type { SavedImages } from "./domain/saved-images.ts";
import { Code, From, failure, internalError } from "./failure.ts";
import type { Hypervisor } from "./hypervisor.ts";
import type { MemoryGuard } from "./memory-guard.ts";
import type { VolumeFiles } from "./storage/volume-files.ts";

/** Lends the hypervisor to sessions; the one that gives it back last ends it. */
export interface Lease {
  readonly acquire: () => Hypervisor;
  readonly release: () => void;
}

/** What sessions of one daemon share. */
export interface SessionParts {
  readonly lease: Lease;
  readonly images: SavedImages;
  readonly guard: MemoryGuard;
  readonly files: VolumeFiles;
}

/** virConnectFlags: the connection may look, not touch. */
const READ_ONLY = 1;
const DEFAULT_URI = "test:///default";

/** What one client has open. */
export class Session {
  readonly client: ServerClient;
  readonly images: SavedImages;
  /** What volumes hold. */
  readonly files: VolumeFiles;
  readonly #lease: Lease;
  readonly #guard: MemoryGuard;
  #hypervisor: Hypervisor | null = null;
  #readOnly = false;

  constructor(client: ServerClient, { lease, images, guard, files }: SessionParts) {
    this.client = client;
    this.images = images;
    this.files = files;
    this.#lease = lease;
    this.#guard = guard;
  }

  get readOnly(): boolean {
    return this.#readOnly;
  }

  get uri(): string {
    return DEFAULT_URI;
  }

  /** To be asked before a call that may add something to the hypervisor. */
  admit(): void {
    this.#guard.admit(this.hypervisor, this.images);
  }

  /** What calls work on; refused before the client has opened it. */
  get hypervisor(): Hypervisor {
    if (this.#hypervisor === null) throw internalError("hypervisor connection not open", From.RPC);
    return this.#hypervisor;
  }

  open(uri: string | null, flags: number): void {
    if (this.#hypervisor !== null) {
      this.close();
      throw internalError("connection already open", From.RPC);
    }
    if (uri === null) throw internalError("connection not open", From.RPC);
    if (uri !== "" && uri !== DEFAULT_URI) throw failure(Code.NO_CONNECT, From.NONE, uri);
    this.#readOnly = (flags & READ_ONLY) !== 0;
    this.#hypervisor = this.#lease.acquire();
  }

  /** Ends what the client had, its callbacks included; once or more often. */
  close(): void {
    const had = this.#hypervisor;
    if (had === null) return;
    this.#hypervisor = null;
    had.events.forget(this.client);
    this.#lease.release();
  }
}
