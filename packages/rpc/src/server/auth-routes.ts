import { type AuthBinding, AuthKind, type SaslData } from "../connection/auth-binding.ts";
import type { AnyProcedure } from "../program/program.ts";
import { RpcError } from "../protocol/rpc-error.ts";
import { authFailed, notPolkit } from "./auth-errors.ts";
import type { AuthSession } from "./auth-session.ts";

/**
 * Answers one procedure of a login. There is no session where a service demands nothing; `args` is an error where they
 * can't be read.
 */
export type AnswerLogin = (session: AuthSession | undefined, args: { readonly value: unknown } | RpcError) => unknown;

/** The procedures of a binding with their answers. */
export function loginRoutes(binding: AuthBinding): readonly (readonly [AnyProcedure, AnswerLogin])[] {
  return [
    [binding.list, (session) => session?.list() ?? { types: [AuthKind.NONE] }],
    [binding.saslInit, (session) => session?.init() ?? refuse(authFailed())],
    // The arguments have been decoded by the very procedure that stands beside.
    [binding.saslStart, (session, args) => answer(session, args, (it, value) => it.start(value as SaslStartData))],
    [binding.saslStep, (session, args) => answer(session, args, (it, value) => it.step(value as SaslData))],
    [binding.polkit, (session) => session?.polkit() ?? refuse(notPolkit())],
  ];
}

type SaslStartData = SaslData & { mech: string };

function answer(
  session: AuthSession | undefined,
  args: { readonly value: unknown } | RpcError,
  run: (session: AuthSession, value: unknown) => unknown,
): unknown {
  if (session === undefined) return refuse(authFailed());
  return args instanceof RpcError ? session.unreadable() : run(session, args.value);
}

function refuse(error: RpcError): never {
  throw error;
}
