import { Code, From, failure, operationFailed, operationInvalid } from "../failure.ts";
import { textOf } from "../xml/element.ts";
import type { NetworkDefinition } from "./definition.ts";
import { Network } from "./network.ts";

const MOST_NETWORKS = 1024;

/** Every network of a hypervisor, by name. */
export class NetworkList {
  readonly #networks = new Map<string, Network>();

  all(): Network[] {
    return [...this.#networks.values()];
  }

  byName(name: string): Network | null {
    return this.#networks.get(name) ?? null;
  }

  byUuid(uuid: string): Network | null {
    return this.all().find((network) => network.uuid === uuid) ?? null;
  }

  /** The network that a client's handle means; handles go by name. */
  require(name: string): Network {
    const found = this.byName(name);
    if (found !== null) return found;
    throw failure(Code.NO_NETWORK, From.TEST, `no network with matching name '${name}'`);
  }

  define(definition: NetworkDefinition): Network {
    const known = this.#match(definition);
    known?.configure(definition);
    return known ?? this.#add(definition);
  }

  /** Takes in a network that runs at once and is forgotten afterwards. */
  create(definition: NetworkDefinition): Network {
    const known = this.#match(definition);
    if (known?.active === true) throw operationInvalid(`network is already active as '${known.name}'`, From.NETWORK);
    const network = known ?? this.#add(definition);
    if (known === null) network.startTransient();
    else network.start();
    return network;
  }

  forget(network: Network): void {
    this.#networks.delete(network.name);
  }

  #add(definition: NetworkDefinition): Network {
    if (this.#networks.size >= MOST_NETWORKS) throw operationFailed(`at most ${MOST_NETWORKS} networks`);
    const network = new Network(definition);
    this.#networks.set(network.name, network);
    return network;
  }

  #match(definition: NetworkDefinition): Network | null {
    const name = textOf(definition, "name") ?? "";
    const uuid = textOf(definition, "uuid") ?? "";
    const sameUuid = this.byUuid(uuid);
    if (sameUuid !== null && sameUuid.name !== name) {
      throw operationFailed(`network '${sameUuid.name}' is already defined with uuid ${uuid}`, From.NETWORK);
    }
    const sameName = this.byName(name);
    if (sameName !== null && sameName.uuid !== uuid) {
      throw operationFailed(`network '${name}' already exists with uuid ${sameName.uuid}`, From.NETWORK);
    }
    return sameName;
  }
}
