import { type EventType, type Procedure, type Program, type XdrType, XdrVoid } from "virnet/codegenv1";

/** As long as libvirt's message about a domain's lifecycle: an id first, then who, and what. */
export interface Happening {
  readonly callback: number;
  /** Microseconds since 1970. */
  readonly at: bigint;
  readonly name: string;
  readonly event: number;
  readonly detail: number;
}

const Payload: XdrType<Happening> = {
  encode(writer, value) {
    writer.int(value.callback);
    writer.uhyper(value.at);
    writer.string(value.name, 64);
    writer.int(value.event);
    writer.int(value.detail);
  },
  decode(reader) {
    return {
      callback: reader.int(),
      at: reader.uhyper(),
      name: reader.string(64),
      event: reader.int(),
      detail: reader.int(),
    };
  },
};

export interface EventsProcedures {
  readonly watch: Procedure<void, void>;
}

export const Events: Program<EventsProcedures> = {
  name: "EVENTS",
  number: 0x2b3c_4d60,
  version: 1,
  procedures: {
    watch: { number: 1, name: "EVENTS_PROC_WATCH", args: XdrVoid, ret: XdrVoid, stream: null, priority: "high" },
  },
};

export const Happened: EventType<Happening> = {
  program: Events,
  number: 2,
  name: "EVENTS_PROC_HAPPENED",
  payload: Payload,
};

/** What every event of the bench says. */
export function happening(callback: number): Happening {
  const at = BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000));
  return { callback, at, name: "a-domain-of-some-name", event: 2, detail: 0 };
}

/** Where in a message the time stands: behind the header and the id. */
export const TIME_AT = 32;
