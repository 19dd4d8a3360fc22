import { type AnyProcedure, type Program, proceduresOf } from "../program/program.ts";
import { ErrorCode, ErrorDomain } from "../protocol/error-code.ts";
import { type MessageHeader, MessageStatus, MessageType } from "../protocol/message.ts";
import { RpcError } from "../protocol/rpc-error.ts";
import { decodeXdr } from "../xdr/type.ts";
import type { Call, Handlers } from "./handlers.ts";
import type { ServerClient } from "./server-client.ts";

/** A handler failed in a way that the peer is not told. */
export interface HandlerFailure {
  readonly error: unknown;
  readonly client: ServerClient;
  readonly procedure: string;
}

type AnyHandler = (args: unknown, call: Call) => unknown;

/** A procedure and who answers it. */
interface Route {
  readonly procedure: AnyProcedure;
  readonly handler: AnyHandler;
}

interface Routes {
  readonly program: Program<object>;
  readonly byNumber: ReadonlyMap<number, Route>;
}

/** Finds the handler of a call and answers with what it returns or throws (libvirt-rpc §2.9). */
export class Dispatcher {
  readonly #programs = new Map<number, Routes>();
  readonly #failed: (failure: HandlerFailure) => void;

  constructor(failed: (failure: HandlerFailure) => void) {
    this.#failed = failed;
  }

  /** Throws `TypeError` for a program number that is taken and for a handler that no procedure has. */
  add<P extends object>(program: Program<P>, handlers: Handlers<P>): void {
    const taken = this.#programs.get(program.number);
    if (taken !== undefined) {
      throw new TypeError(`program 0x${program.number.toString(16)} is served already, as ${taken.program.name}`);
    }
    this.#programs.set(program.number, { program, byNumber: routesOf(program, handlers) });
  }

  /** One message of a client. Only calls are answered; all else is dropped, as libvirtd does (F026). */
  dispatch(client: ServerClient, header: MessageHeader, bytes: Uint8Array, start: number, end: number): void {
    if (header.type !== MessageType.CALL) return;
    client.enter();
    const route = this.#route(header);
    if (route instanceof RpcError) {
      client.refuse(header, route);
      return;
    }
    const args = decodeArgs(route, bytes, start, end);
    if (args instanceof RpcError) client.refuse(header, args);
    else this.#run(route, args.value, { client, header, signal: client.signal });
  }

  #route(header: MessageHeader): Route | RpcError {
    const routes = this.#programs.get(header.program);
    if (routes === undefined || routes.program.version !== header.version) {
      return rpcRefusal(`Cannot find program ${header.program} version ${header.version}`);
    }
    if (header.status !== MessageStatus.OK) return rpcRefusal(`Unexpected message status ${header.status}`);
    return routes.byNumber.get(header.procedure) ?? rpcRefusal(`unknown procedure: ${header.procedure}`);
  }

  /** A handler that answers at once is answered for at once: no promise, no later turn. */
  #run(route: Route, args: unknown, call: Call): void {
    let ret: unknown;
    try {
      ret = route.handler(args, call);
    } catch (error) {
      this.#refuse(route, call, error);
      return;
    }
    if (!isPromise(ret)) {
      this.#answer(route, call, ret);
      return;
    }
    ret.then(
      (value) => this.#answer(route, call, value),
      (error: unknown) => this.#refuse(route, call, error),
    );
  }

  #answer(route: Route, call: Call, ret: unknown): void {
    try {
      call.client.reply(call.header, route.procedure.ret, ret, route.procedure.name);
    } catch (error) {
      this.#refuse(route, call, error);
    }
  }

  /** Only a thrown `RpcError` speaks to the peer. */
  #refuse(route: Route, call: Call, error: unknown): void {
    const procedure = route.procedure.name;
    try {
      call.client.refuse(call.header, error instanceof RpcError ? error : internalError(procedure));
    } catch (unsendable) {
      call.client.refuse(call.header, internalError(procedure));
      this.#failed({ error: unsendable, client: call.client, procedure });
    }
    if (error instanceof RpcError || error === call.signal.reason) return;
    this.#failed({ error, client: call.client, procedure });
  }
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}

function routesOf<P extends object>(program: Program<P>, handlers: Handlers<P>): ReadonlyMap<number, Route> {
  const byNumber = new Map<number, Route>();
  const procedures = new Map(proceduresOf(program));
  for (const [name, procedure] of procedures) {
    const handler: unknown = Reflect.get(handlers, name);
    if (handler !== undefined) byNumber.set(procedure.number, { procedure, handler: bound(name, handler, handlers) });
  }
  for (const name of Object.keys(handlers)) {
    if (!procedures.has(name)) throw new TypeError(`program ${program.name} has no procedure ${name}`);
  }
  return byNumber;
}

/** The handler as a method of its object, so that a class instance works too. */
function bound(name: string, handler: unknown, owner: object): AnyHandler {
  if (typeof handler !== "function") throw new TypeError(`handler ${name} is no function`);
  return (args, call): unknown => Reflect.apply(handler, owner, [args, call]);
}

/** The arguments; bytes left over are ignored (F014), and what is wrong is not told to the peer (F025). */
function decodeArgs(route: Route, bytes: Uint8Array, start: number, end: number): { value: unknown } | RpcError {
  try {
    return { value: decodeXdr(route.procedure.args, bytes, route.procedure.name, start, end) };
  } catch (error) {
    return rpcRefusal("Unable to decode message payload", error);
  }
}

function rpcRefusal(message: string, cause?: unknown): RpcError {
  return new RpcError(message, { code: ErrorCode.RPC, domain: ErrorDomain.RPC }, { cause });
}

function internalError(procedure: string): RpcError {
  const detail = `${procedure} failed`;
  return new RpcError(`internal error: ${detail}`, { str1: "internal error: %s", str2: detail });
}
