import { From, operationInvalid } from "../failure.ts";
import { cloneElement } from "../xml/element.ts";
import type { Checkpoint } from "./checkpoint.ts";
import { type DomainDefinition, nameOf, setTopText, uuidOf } from "./definition.ts";
import { MomentTree } from "./moment-tree.ts";
import type { Snapshot } from "./snapshot.ts";

/** virDomainState. */
export const State = { RUNNING: 1, PAUSED: 3, SHUTOFF: 5 } as const;
export type State = (typeof State)[keyof typeof State];

/** Which of a domain's two descriptions a call means (virDomainModificationImpact). */
export const Impact = { CURRENT: 0, LIVE: 1, CONFIG: 2 } as const;

/** What the wire needs to name a domain. */
export interface DomainHandle {
  readonly name: string;
  readonly uuid: string;
  readonly id: number;
}

/** One guest: what it is configured to be, and what it is while it runs. */
export class Domain {
  readonly uuid: string;
  readonly snapshots: MomentTree<Snapshot> = new MomentTree<Snapshot>();
  readonly checkpoints: MomentTree<Checkpoint> = new MomentTree<Checkpoint>();
  autostart = false;
  managedSave = false;
  /** The guest's clock; it stands still at the moment at which the test driver's does. */
  time: GuestTime = { seconds: 627_319_920n, nanoseconds: 0 };
  /** Filesystems that a freeze holds, by mount point. */
  readonly frozen: Set<string> = new Set<string>();
  #live: DomainDefinition | null = null;
  #config: DomainDefinition | null;
  #id = -1;
  #state: State = State.SHUTOFF;
  #reason = 0;

  /** A domain that is configured and off. */
  constructor(config: DomainDefinition) {
    this.uuid = uuidOf(config);
    this.#config = config;
  }

  get name(): string {
    return nameOf(this.current);
  }

  get id(): number {
    return this.#id;
  }

  get state(): State {
    return this.#state;
  }

  get reason(): number {
    return this.#reason;
  }

  get active(): boolean {
    return this.#live !== null;
  }

  get persistent(): boolean {
    return this.#config !== null;
  }

  get handle(): DomainHandle {
    return { name: this.name, uuid: this.uuid, id: this.#id };
  }

  /** What runs, or what would. */
  get current(): DomainDefinition {
    return this.#live ?? this.config;
  }

  /** What would run next. */
  get config(): DomainDefinition {
    const definition = this.#config ?? this.#live;
    if (definition === null) throw new Error(`domain ${this.uuid} has no description`);
    return definition;
  }

  /** The description of another start; whether it is new or replaces one. */
  configure(config: DomainDefinition): void {
    this.#config = config;
  }

  /** Forgets the configuration; the domain goes when it stops, or at once when it is off. */
  unconfigure(): void {
    if (this.#live === null) throw new Error(`domain ${this.uuid} is off`);
    this.#config = null;
  }

  /** Brings it to life with the configuration, or with what an image or a snapshot holds. */
  start(id: number, state: State, reason: number, definition: DomainDefinition = this.config): void {
    this.#live = cloneElement(definition);
    this.#id = id;
    this.become(state, reason);
    this.managedSave = false;
  }

  become(state: State, reason: number): void {
    this.#state = state;
    this.#reason = reason;
  }

  stop(reason: number): void {
    // A transient domain keeps its last description until it is forgotten, so that it can still be named.
    this.#config ??= this.#live;
    this.#live = null;
    this.#id = -1;
    this.frozen.clear();
    this.become(State.SHUTOFF, reason);
  }

  rename(name: string): void {
    setTopText(this.config, "name", name);
  }

  /** The descriptions that a change with these flags touches. */
  affected(flags: number): DomainDefinition[] {
    const impact = flags & (Impact.LIVE | Impact.CONFIG) || (this.active ? Impact.LIVE : Impact.CONFIG);
    const touched: DomainDefinition[] = [];
    if ((impact & Impact.LIVE) !== 0) touched.push(this.running());
    if ((impact & Impact.CONFIG) !== 0) touched.push(this.#persistentConfig());
    return touched;
  }

  /** The one description that a question with these flags means. */
  affectedOne(flags: number): DomainDefinition {
    const [first] = this.affected((flags & Impact.CONFIG) !== 0 ? Impact.CONFIG : flags & Impact.LIVE);
    return first ?? this.current;
  }

  /** What runs now; refused when nothing does. */
  running(from: number = From.DOMAIN): DomainDefinition {
    if (this.#live === null) throw operationInvalid("domain is not running", from);
    return this.#live;
  }

  #persistentConfig(): DomainDefinition {
    if (this.#config !== null) return this.#config;
    throw operationInvalid("transient domains do not have any persistent config", From.DOMAIN);
  }
}

/** A guest's idea of the time. */
export interface GuestTime {
  readonly seconds: bigint;
  readonly nanoseconds: number;
}
