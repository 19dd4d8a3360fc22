import type { RemoteProcedures } from "@virnet/libvirt/remote";
import type { Procedure } from "virnet/codegenv1";
import type { Call, StreamCall } from "virnet/server";
import type { Session } from "../session.ts";

/** Answers one procedure on a session that is open. */
export type SessionHandler<P> =
  P extends Procedure<infer Args, infer Ret, infer Stream>
    ? [Stream] extends [null]
      ? (args: Args, session: Session, call: Call) => Ret | Promise<Ret>
      : (args: Args, session: Session, call: StreamCall<Ret>) => Promise<void>
    : never;

/** Handlers by the name of their procedure. */
export type SessionHandlers = { readonly [Name in keyof RemoteProcedures]?: SessionHandler<RemoteProcedures[Name]> };
