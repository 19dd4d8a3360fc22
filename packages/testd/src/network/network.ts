import { attributeOf, cloneElement, textOf } from "../xml/element.ts";
import type { NetworkDefinition } from "./definition.ts";

/** One virtual network: what it is configured to be, and what it is while it runs. */
export class Network {
  readonly uuid: string;
  readonly name: string;
  autostart = false;
  #live: NetworkDefinition | null = null;
  #config: NetworkDefinition | null;

  /** A network that is configured and off. */
  constructor(config: NetworkDefinition) {
    this.uuid = textOf(config, "uuid") ?? "";
    this.name = textOf(config, "name") ?? "";
    this.#config = config;
  }

  get active(): boolean {
    return this.#live !== null;
  }

  get persistent(): boolean {
    return this.#config !== null;
  }

  /** What runs, or what would. */
  get current(): NetworkDefinition {
    return this.#live ?? this.config;
  }

  /** What would run next. */
  get config(): NetworkDefinition {
    const definition = this.#config ?? this.#live;
    if (definition === null) throw new Error(`network ${this.name} has no description`);
    return definition;
  }

  get bridge(): string | null {
    return attributeOf(this.current, "name", "bridge");
  }

  configure(config: NetworkDefinition): void {
    this.#config = config;
  }

  start(): void {
    this.#live = cloneElement(this.config);
  }

  /** Runs without a configuration that would outlive it. */
  startTransient(): void {
    this.start();
    this.#config = null;
  }

  /** False when nothing is left of it. */
  stop(): boolean {
    this.#live = null;
    return this.#config !== null;
  }

  update(definition: NetworkDefinition, where: "live" | "config"): void {
    if (where === "live") this.#live = definition;
    else this.#config = definition;
  }
}
