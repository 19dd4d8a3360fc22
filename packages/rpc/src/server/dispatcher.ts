import type { AuthBinding } from "../connection/auth-binding.ts";
import type { Descriptors } from "../connection/descriptors.ts";
import { type AnyProcedure, type Program, proceduresOf } from "../program/program.ts";
import { ErrorCode, ErrorDomain } from "../protocol/error-code.ts";
import { type MessageHeader, MessageStatus, MessageType } from "../protocol/message.ts";
import { RpcError } from "../protocol/rpc-error.ts";
import { ConnectionError } from "../util/connection-error.ts";
import { operationChannel } from "../util/diagnostics.ts";
import { XdrReader } from "../xdr/reader.ts";
import { readUint32 } from "../xdr/words.ts";
import { authFailed } from "./auth-errors.ts";
import { type AnswerLogin, loginRoutes } from "./auth-routes.ts";
import { CallRecord, completing } from "./call-record.ts";
import type { AnswerCall, Call, Handlers, ServerInterceptor } from "./handlers.ts";
import type { ServerClient } from "./server-client.ts";
import type { StreamAnswer } from "./stream-call.ts";

/** A handler failed in a way that the peer is not told. */
export interface HandlerFailure {
  readonly error: unknown;
  readonly client: ServerClient;
  readonly procedure: string;
}

/** A procedure and who answers it. */
interface Route {
  readonly procedure: AnyProcedure;
  readonly answer: AnswerCall;
  /** Of a procedure that clients log in with, instead of `answer`: neither interceptors nor diagnostics see what it carries. */
  readonly login: AnswerLogin | undefined;
}

interface Routes {
  readonly program: Program<object>;
  readonly byNumber: Map<number, Route>;
  /** Has somebody given handlers for it, or is it there for the login alone? */
  readonly isAdded: boolean;
}

/** `tracing:virnet:server:call:*`, with {@link Call} as the context. */
const callChannel = operationChannel("virnet:server:call");

const COUNT_BYTES = 4;

/** Finds the handler of a call and answers with what it returns or throws (libvirt-rpc §2.9). */
export class Dispatcher {
  readonly #programs = new Map<number, Routes>();
  readonly #interceptors: readonly ServerInterceptor[];
  readonly #failed: (failure: HandlerFailure) => void;
  #binding: AuthBinding | undefined;

  constructor(interceptors: readonly ServerInterceptor[], failed: (failure: HandlerFailure) => void) {
    this.#interceptors = interceptors;
    this.#failed = failed;
  }

  /** Throws `TypeError` for a program number that is taken and for a handler that no procedure has. */
  add<P extends object>(program: Program<P>, handlers: Handlers<P>): void {
    const taken = this.#programs.get(program.number);
    if (taken?.isAdded === true) {
      throw new TypeError(`program 0x${program.number.toString(16)} is served already, as ${taken.program.name}`);
    }
    const byNumber = routesOf(program, handlers, this.#interceptors);
    this.#programs.set(program.number, { program, byNumber, isAdded: true });
    if (this.#binding?.program.number === program.number) this.bindAuth(this.#binding);
  }

  /** Answers the procedures of a login from now on, whatever handlers there are for them. */
  bindAuth(binding: AuthBinding): void {
    this.#binding = binding;
    const { program } = binding;
    const known = this.#programs.get(program.number);
    const { byNumber } = known ?? { byNumber: new Map<number, Route>() };
    if (known === undefined) this.#programs.set(program.number, { program, byNumber, isAdded: false });
    for (const [procedure, login] of loginRoutes(binding))
      byNumber.set(procedure.number, { procedure, answer: unanswered, login });
  }

  /** One message of a client. Only calls are answered; all else is dropped, as libvirtd does (F026). */
  dispatch(client: ServerClient, header: MessageHeader, bytes: Uint8Array, start: number, end: number): void {
    if (header.type === MessageType.CALL) this.#call(client, header, bytes, start, end);
    else if (header.type === MessageType.CALL_WITH_FDS) this.#callWithFds(client, header, bytes, start, end);
  }

  /** The same for a message with descriptors, whose count has been taken off; closes what nobody takes. */
  dispatchWith(
    descriptors: Descriptors,
    client: ServerClient,
    header: MessageHeader,
    bytes: Uint8Array,
    start: number,
    end: number,
  ): void {
    if (header.type !== MessageType.CALL_WITH_FDS || !this.#programs.has(header.program)) descriptors.close();
    else this.#call(client, header, bytes, start, end, descriptors);
  }

  /** The count of descriptors comes before the arguments; none is legal, also where none could be passed (libvirt-rpc §1.5). */
  #callWithFds(client: ServerClient, header: MessageHeader, bytes: Uint8Array, start: number, end: number): void {
    if (!this.#programs.has(header.program)) return;
    const count = end - start < COUNT_BYTES ? undefined : readUint32(bytes, start);
    if (count !== 0) {
      const what =
        count === undefined ? "no count of descriptors" : `${count} descriptors, which this connection can't pass`;
      throw new ConnectionError(`the client sent a call with ${what}`, "protocol");
    }
    this.#call(client, header, bytes, start + COUNT_BYTES, end);
  }

  #call(
    client: ServerClient,
    header: MessageHeader,
    bytes: Uint8Array,
    start: number,
    end: number,
    received?: Descriptors,
  ): void {
    client.enter();
    const route = this.#route(header);
    if (route instanceof RpcError) {
      received?.close();
      this.#answer(client, header, route, `procedure ${header.procedure}`);
      return;
    }
    if (!client.isAuthenticated && route.procedure.open !== true) {
      received?.close();
      client.refuse(header, rpcRefusal("authentication required"));
      return;
    }
    const args = decodeArgs(route, bytes, start, end);
    if (route.login !== undefined) {
      received?.close();
      void this.#logIn(client, header, route.procedure, route.login, args);
      return;
    }
    if (args instanceof RpcError) {
      received?.close();
      this.#answer(client, header, args, route.procedure.name);
      return;
    }
    const descriptors = client.descriptorsOf(received);
    const call = new CallRecord(client, header, route.procedure, args.value, descriptors);
    if (route.procedure.stream === null) this.#run(call, route.answer, undefined);
    else this.#runStream(call, route.answer);
  }

  /** One message of a login. Until it has been answered the client is not read from: the next may be wrapped already. */
  async #logIn(
    client: ServerClient,
    header: MessageHeader,
    procedure: AnyProcedure,
    login: AnswerLogin,
    args: { value: unknown } | RpcError,
  ): Promise<void> {
    client.hold();
    try {
      const ret = await login(client.auth, args);
      client.reply(header, procedure.ret, ret, procedure.name);
      client.loggedIn();
    } catch (error) {
      client.auth?.refused();
      this.#answer(client, header, error instanceof RpcError ? error : authFailed(), procedure.name);
      if (client.auth?.isSpent === true) client.close();
    } finally {
      client.release();
    }
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
  #run(call: Call, answer: AnswerCall, stream: StreamAnswer | undefined): void {
    let ret: unknown;
    try {
      ret = callChannel.hasSubscribers ? traced(call, answer) : answer(call);
    } catch (error) {
      this.#refuse(call, error, stream);
      return;
    }
    if (!isPromise(ret)) {
      this.#reply(call, ret, stream);
      return;
    }
    ret.then(
      (value) => this.#reply(call, value, stream),
      (error: unknown) => this.#refuse(call, error, stream),
    );
  }

  /** A stream is there before its handler runs, for its data may come before the reply has gone. */
  #runStream(call: Call, answer: AnswerCall): void {
    const stream = call.client.openStream(call);
    if (stream instanceof RpcError)
      this.#answer(call.client, call.header, stream, call.procedure.name, call.descriptors);
    else this.#run(stream.call, answer, stream);
  }

  #reply(call: Call, ret: unknown, stream: StreamAnswer | undefined): void {
    const { client, header, procedure, descriptors } = call;
    try {
      if (stream === undefined) client.reply(header, procedure.ret, ret, procedure.name, descriptors);
      else stream.returned(ret);
    } catch (error) {
      this.#refuse(call, error, stream);
    }
  }

  /** Only a thrown `RpcError` speaks to the peer. */
  #refuse(call: Call, error: unknown, stream: StreamAnswer | undefined): void {
    if (stream?.isAccepted === true) {
      this.#end(call, error, stream);
      return;
    }
    stream?.refused();
    const {
      client,
      header,
      procedure: { name },
      descriptors,
    } = call;
    this.#answer(client, header, error instanceof RpcError ? error : internalError(name), name, descriptors);
    if (error instanceof RpcError || (call.signal.aborted && error === call.signal.reason)) return;
    this.#report({ error, client, procedure: name });
  }

  /** A client to whom not even the shortest error can be told would wait for ever: it is let go. */
  #answer(
    client: ServerClient,
    header: MessageHeader,
    error: RpcError,
    procedure: string,
    descriptors?: Call["descriptors"],
  ): void {
    try {
      client.refuse(header, error, descriptors);
    } catch (unsendable) {
      this.#report({ error: unsendable, client, procedure });
      try {
        client.refuse(header, internalError(procedure), descriptors);
      } catch (cause) {
        client.disconnect(new ConnectionError("no error can be told within the frame limit", "error", { cause }));
      }
    }
  }

  /** Who is told of failures may fail as well, which is no peer's concern. */
  #report(failure: HandlerFailure): void {
    try {
      this.#failed(failure);
    } catch (error) {
      console.error(`onHandlerError failed, told of ${failure.procedure}:`, error);
    }
  }

  /** A stream whose handler failed. */
  #end({ client, procedure: { name } }: Call, error: unknown, stream: StreamAnswer): void {
    const isOwnEnd = stream.isOwnEnd(error);
    stream.failed(error instanceof RpcError ? error : internalError(name));
    if (!(error instanceof RpcError) && !isOwnEnd) this.#report({ error, client, procedure: name });
  }
}

/** A login's route is answered by its `login`. */
function unanswered(): never {
  throw new TypeError("a message of a login was taken for a call");
}

/** Whoever listens sees a promise, even of a handler that has none. */
function traced(call: Call, answer: AnswerCall): Promise<unknown> {
  return callChannel.tracePromise(async () => answer(call), call);
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}

function routesOf<P extends object>(
  program: Program<P>,
  handlers: Handlers<P>,
  interceptors: readonly ServerInterceptor[],
): Map<number, Route> {
  const byNumber = new Map<number, Route>();
  const procedures = new Map(proceduresOf(program));
  for (const [name, procedure] of procedures) {
    const handler: unknown = Reflect.get(handlers, name);
    if (handler === undefined) continue;
    const answer = interceptors.reduceRight((next, around) => around(completing(next)), bound(name, handler, handlers));
    byNumber.set(procedure.number, { procedure, answer, login: undefined });
  }
  for (const [name, value] of Object.entries(handlers)) {
    if (typeof value === "function" && !procedures.has(name))
      throw new TypeError(`program ${program.name} has no procedure ${name}`);
  }
  return byNumber;
}

/** The handler as a method of its object, so that a class instance works too. */
function bound(name: string, handler: unknown, owner: object): AnswerCall {
  if (typeof handler !== "function") throw new TypeError(`handler ${name} is no function`);
  // What the types of Handlers promised for this procedure.
  const method = handler as (this: object, args: unknown, call: Call) => unknown;
  return (call) => method.call(owner, call.args, call);
}

/** The arguments; bytes left over are ignored (F014), and what is wrong is not told to the peer (F025), so its place is not looked for. */
function decodeArgs(route: Route, bytes: Uint8Array, start: number, end: number): { value: unknown } | RpcError {
  try {
    return { value: route.procedure.args.decode(new XdrReader(bytes, start, end)) };
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
