import type { EventType, Procedure, Program, XdrType } from "../../src/codegenv1.ts";
import { XdrVoid } from "../../src/codegenv1.ts";

export interface EchoSayArgs {
  text: string;
  repeat: number;
}

const EchoSayArgs: XdrType<EchoSayArgs> = {
  encode(writer, value) {
    writer.string(value.text, 65_536);
    writer.uint(value.repeat);
  },
  decode(reader) {
    return { text: reader.string(65_536), repeat: reader.uint() };
  },
};

export interface EchoSayRet {
  lines: string[];
}

const EchoSayRet: XdrType<EchoSayRet> = {
  encode(writer, value) {
    writer.count(value.lines.length, 16);
    for (const line of value.lines) writer.string(line, 65_536);
  },
  decode(reader) {
    const lines: string[] = [];
    for (let n = reader.count(16, 4); n > 0; n--) lines.push(reader.string(65_536));
    return { lines };
  },
};

export interface EchoTickMsg {
  count: bigint;
}

const EchoTickMsg: XdrType<EchoTickMsg> = {
  encode(writer, value) {
    writer.uhyper(value.count);
  },
  decode(reader) {
    return { count: reader.uhyper() };
  },
};

export interface EchoProcedures {
  readonly say: Procedure<EchoSayArgs, EchoSayRet>;
  readonly wait: Procedure<EchoSayArgs, EchoSayRet>;
  readonly watch: Procedure<void, void>;
}

/** The program of the tests; written by hand, so that the framework's tests need no compiler. */
export const Echo: Program<EchoProcedures> = {
  name: "ECHO",
  number: 0x20170805,
  version: 1,
  procedures: {
    say: { number: 1, name: "ECHO_PROC_SAY", args: EchoSayArgs, ret: EchoSayRet, stream: null, priority: "high" },
    wait: { number: 2, name: "ECHO_PROC_WAIT", args: EchoSayArgs, ret: EchoSayRet, stream: null, priority: "low" },
    watch: { number: 3, name: "ECHO_PROC_WATCH", args: XdrVoid, ret: XdrVoid, stream: null, priority: "low" },
  },
};

export const EchoTick: EventType<EchoTickMsg> = {
  program: Echo,
  number: 4,
  name: "ECHO_PROC_TICK",
  payload: EchoTickMsg,
};
