import { Code, From, failure, operationFailed, operationInvalid } from "../failure.ts";
import { type DomainDefinition, nameOf, uuidOf } from "./definition.ts";
import { Domain } from "./domain.ts";

/** More domains than a test needs; a peer that defines without end meets an error instead of an end of memory. */
const MOST_DOMAINS = 4096;

/** Every domain of a hypervisor, by UUID. */
export class DomainList {
  readonly #domains = new Map<string, Domain>();
  #nextId = 1;

  all(): Domain[] {
    return [...this.#domains.values()];
  }

  byUuid(uuid: string): Domain | null {
    return this.#domains.get(uuid) ?? null;
  }

  byName(name: string): Domain | null {
    return this.all().find((domain) => domain.name === name) ?? null;
  }

  byId(id: number): Domain | null {
    return this.all().find((domain) => domain.active && domain.id === id) ?? null;
  }

  /** The domain that a client's handle means; handles go by UUID. */
  require(uuid: string, name: string): Domain {
    const found = this.byUuid(uuid);
    if (found !== null) return found;
    throw failure(Code.NO_DOMAIN, From.TEST, `no domain with matching uuid '${uuid}' (${name})`);
  }

  /** Takes a description in: for a new domain, or for one of the same name and UUID. */
  define(definition: DomainDefinition): { domain: Domain; old: boolean } {
    const known = this.#match(definition);
    if (known === null) return { domain: this.#add(definition), old: false };
    const old = known.persistent;
    known.configure(definition);
    return { domain: known, old };
  }

  /** Takes in a domain that is to run at once and be forgotten afterwards. */
  create(definition: DomainDefinition): Domain {
    const known = this.#match(definition);
    if (known?.active === true) throw operationInvalid(`domain '${known.name}' is already active`, From.DOMAIN);
    known?.configure(definition);
    return known ?? this.#add(definition);
  }

  forget(domain: Domain): void {
    this.#domains.delete(domain.uuid);
  }

  /** The id of the next domain that starts. */
  nextId(): number {
    return this.#nextId++;
  }

  #add(definition: DomainDefinition): Domain {
    if (this.#domains.size >= MOST_DOMAINS) throw operationFailed(`at most ${MOST_DOMAINS} domains`);
    const domain = new Domain(definition);
    this.#domains.set(domain.uuid, domain);
    return domain;
  }

  #match(definition: DomainDefinition): Domain | null {
    const name = nameOf(definition);
    const uuid = uuidOf(definition);
    const sameUuid = this.byUuid(uuid);
    if (sameUuid !== null) {
      if (sameUuid.name === name) return sameUuid;
      throw operationFailed(`domain '${sameUuid.name}' is already defined with uuid ${uuid}`, From.DOMAIN);
    }
    const sameName = this.byName(name);
    if (sameName === null) return null;
    throw operationFailed(`domain '${name}' already exists with uuid ${sameName.uuid}`, From.DOMAIN);
  }
}
