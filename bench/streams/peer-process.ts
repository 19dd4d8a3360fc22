/* A child: one end of a carrier. Argument: the carrier's name. */
import { answerQuestions } from "../calls/child.ts";
import type { Place } from "../calls/contender.ts";
import { type CarrierName, carrier, type Direction } from "./carrier.ts";
import type { SlowReaderTask } from "./slow-reader.ts";

export type PeerQuestion =
  | { readonly ask: "serve"; readonly place: Place }
  | { readonly ask: "move"; readonly place: Place; readonly direction: Direction; readonly bytes: number }
  | { readonly ask: "slow"; readonly task: SlowReaderTask }
  | { readonly ask: "cpu" | "pid" };

const carrying = await carrier(process.argv[2] as CarrierName); // the parent's list

answerQuestions(async (question: PeerQuestion) => {
  switch (question.ask) {
    case "serve":
      return carrying.serve(question.place);
    case "move": {
      const begun = performance.now();
      await carrying.move(question.place, question.direction, question.bytes);
      return performance.now() - begun;
    }
    case "slow":
      return (await import("./slow-reader.ts")).readSlowly(question.task);
    case "pid":
      return process.pid;
    case "cpu":
      return process.cpuUsage().user + process.cpuUsage().system;
  }
});
