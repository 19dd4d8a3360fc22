import { internalError, operationFailed, systemError } from "../failure.ts";
import type { DomainDefinition } from "./definition.ts";

const MOST_IMAGES = 256;

/**
 * Images of saved domains by the path that a client chose. They live in memory: a stand-in that anyone may talk to must
 * not write files for them. They outlive connections, as files do.
 */
export class SavedImages {
  readonly #images = new Map<string, DomainDefinition>();

  save(path: string, definition: DomainDefinition): void {
    if (this.#images.size >= MOST_IMAGES && !this.#images.has(path))
      throw operationFailed(`at most ${MOST_IMAGES} saved images`);
    this.#images.set(path, definition);
  }

  all(): DomainDefinition[] {
    return [...this.#images.values()];
  }

  load(path: string): DomainDefinition {
    if (path === "") throw internalError("mismatched header magic");
    const found = this.#images.get(path);
    if (found !== undefined) return found;
    throw systemError(
      `cannot read domain image '${path}'`,
      Object.assign(new Error("no such image"), { code: "ENOENT", errno: -2 }),
    );
  }
}
