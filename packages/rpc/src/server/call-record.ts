import type { AnyProcedure } from "../program/program.ts";
import type { MessageHeader } from "../protocol/message.ts";
import type { CallDescriptors } from "./call-descriptors.ts";
import type { AnswerCall, Call } from "./handlers.ts";
import type { ServerClient } from "./server-client.ts";

/** A call whose signal is made when somebody asks for it: that is the costliest part of a client that falls silent. */
export class CallRecord implements Call {
  readonly client: ServerClient;
  readonly header: MessageHeader;
  readonly procedure: AnyProcedure;
  readonly args: unknown;
  readonly descriptors: CallDescriptors;

  constructor(
    client: ServerClient,
    header: MessageHeader,
    procedure: AnyProcedure,
    args: unknown,
    descriptors: CallDescriptors,
  ) {
    this.client = client;
    this.header = header;
    this.procedure = procedure;
    this.args = args;
    this.descriptors = descriptors;
  }

  get signal(): AbortSignal {
    return this.client.signal;
  }
}

/** Lets an interceptor hand on a copy of its call, `{ ...call, args }`, which has all but the signal. */
export function completing(next: AnswerCall): AnswerCall {
  return (call) => next("signal" in call ? call : completed(call));
}

/** What else an interceptor has put into its copy stays. */
function completed(copy: Omit<Call, "signal">): Call {
  const { client, header, procedure, args, descriptors } = copy;
  return Object.assign(new CallRecord(client, header, procedure, args, descriptors), copy);
}
