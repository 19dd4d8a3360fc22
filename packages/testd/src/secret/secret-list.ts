import { Code, From, failure, internalError, operationFailed } from "../failure.ts";
import type { Secret } from "./secret.ts";

const MOST_SECRETS = 1024;

/** Every secret of a hypervisor, by UUID. */
export class SecretList {
  readonly #secrets = new Map<string, Secret>();

  all(): Secret[] {
    return [...this.#secrets.values()];
  }

  require(uuid: string): Secret {
    const found = this.#secrets.get(uuid);
    if (found !== undefined) return found;
    throw failure(Code.NO_SECRET, From.SECRET, `no secret with matching uuid '${uuid}'`);
  }

  requireUsage(usageType: number, usageId: string): Secret {
    const found = this.#byUsage(usageType, usageId);
    if (found !== undefined) return found;
    throw failure(Code.NO_SECRET, From.SECRET, `no secret with matching usage '${usageId}'`);
  }

  /** Takes in a definition, new or in the place of the one before, whose value stays. */
  define(secret: Secret): void {
    const known = this.#secrets.get(secret.uuid);
    if (known === undefined) this.#checkNew(secret);
    else checkChange(known, secret);
    secret.value = known?.value ?? null;
    this.#secrets.set(secret.uuid, secret);
  }

  forget({ uuid }: Secret): void {
    this.#secrets.delete(uuid);
  }

  #byUsage(usageType: number, usageId: string): Secret | undefined {
    return this.all().find((secret) => secret.usageType === usageType && secret.usageId === usageId);
  }

  #checkNew({ usageType, usageId }: Secret): void {
    const same = usageId === "" ? undefined : this.#byUsage(usageType, usageId);
    if (same !== undefined) {
      throw internalError(`a secret with UUID ${same.uuid} already defined for use with ${usageId}`, From.SECRET);
    }
    if (this.#secrets.size >= MOST_SECRETS) throw operationFailed(`at most ${MOST_SECRETS} secrets`, From.SECRET);
  }
}

function checkChange(known: Secret, secret: Secret): void {
  if (known.usageType !== secret.usageType || known.usageId !== secret.usageId) {
    throw internalError(
      `a secret with UUID ${known.uuid} is already defined for use with ${known.usageId}`,
      From.SECRET,
    );
  }
  if (known.private && !secret.private)
    throw internalError("cannot change private flag on existing secret", From.SECRET);
}
