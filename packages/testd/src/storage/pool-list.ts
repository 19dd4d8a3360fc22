import { From, operationFailed, operationInvalid } from "../failure.ts";
import { textOf } from "../xml/element.ts";
import { Pool } from "./pool.ts";
import { noPool, type PoolDefinition, poolPath } from "./pool-definition.ts";
import type { Volume } from "./volume.ts";

const MOST_POOLS = 1024;

/** Every storage pool of a hypervisor, by name. */
export class PoolList {
  readonly #pools = new Map<string, Pool>();

  all(): Pool[] {
    return [...this.#pools.values()];
  }

  byName(name: string): Pool | null {
    return this.#pools.get(name) ?? null;
  }

  byUuid(uuid: string): Pool | null {
    return this.all().find((pool) => pool.uuid === uuid) ?? null;
  }

  /** The pool that a client's handle means; handles go by name. */
  require(name: string): Pool {
    const found = this.byName(name);
    if (found !== null) return found;
    throw noPool(`no storage pool with matching name '${name}'`);
  }

  requireActive(name: string): Pool {
    const pool = this.require(name);
    if (!pool.active) throw operationInvalid(`storage pool '${name}' is not active`);
    return pool;
  }

  requireInactive(name: string): Pool {
    const pool = this.require(name);
    if (pool.active) throw operationInvalid(`storage pool '${name}' is active`);
    return pool;
  }

  define(definition: PoolDefinition): Pool {
    const known = this.#match(definition);
    known?.configure(definition);
    return known ?? this.#add(new Pool(definition, true));
  }

  /** Takes in a pool that is active at once and forgotten when it stops. */
  create(definition: PoolDefinition): Pool {
    const known = this.#match(definition);
    if (known?.active === true) throw operationInvalid(`pool is already active as '${known.name}'`, From.STORAGE);
    const pool = known ?? this.#add(new Pool(definition, false));
    pool.active = true;
    return pool;
  }

  forget(pool: Pool): void {
    this.#pools.delete(pool.name);
  }

  /** The first volume of any active pool that `wanted` picks. */
  findVolume(wanted: (volume: Volume) => boolean): { pool: Pool; volume: Volume } | null {
    for (const pool of this.all().filter(({ active }) => active)) {
      const volume = pool.volumes().find(wanted);
      if (volume !== undefined) return { pool, volume };
    }
    return null;
  }

  #add(pool: Pool): Pool {
    if (this.#pools.size >= MOST_POOLS) throw operationFailed(`at most ${MOST_POOLS} storage pools`);
    this.#pools.set(pool.name, pool);
    return pool;
  }

  #match(definition: PoolDefinition): Pool | null {
    const name = textOf(definition, "name") ?? "";
    const uuid = textOf(definition, "uuid") ?? "";
    const sameUuid = this.byUuid(uuid);
    if (sameUuid !== null && sameUuid.name !== name) {
      throw operationFailed(`pool '${sameUuid.name}' is already defined with uuid ${uuid}`, From.STORAGE);
    }
    const sameName = this.byName(name);
    if (sameName !== null && sameName.uuid !== uuid) {
      throw operationFailed(`pool '${name}' already exists with uuid ${sameName.uuid}`, From.STORAGE);
    }
    this.#refuseConflict(definition, name);
    return sameName;
  }

  /** Two pools must not manage one place. */
  #refuseConflict(definition: PoolDefinition, name: string): void {
    const path = poolPath(definition);
    const type = definition.attributes.get("type");
    if (path === "" || type !== "dir") return;
    const other = this.all().find((pool) => pool.name !== name && poolPath(pool.definition) === path);
    if (other !== undefined) throw operationFailed(`Storage source conflict with pool: '${other.name}'`, From.STORAGE);
  }
}
