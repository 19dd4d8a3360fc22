/* A child: one contender's server. Argument: its name. */
import { answerQuestions } from "./child.ts";
import { type ContenderName, contender, type Place } from "./contender.ts";
import { Meter } from "./meter.ts";

export type ServerQuestion =
  | { readonly ask: "serve"; readonly place: Place }
  | { readonly ask: "start"; readonly heap: boolean }
  | { readonly ask: "stop" };

const contending = await contender(process.argv[2] as ContenderName); // the parent's list
const running: { meter: Meter } = { meter: new Meter(false) };

answerQuestions((question: ServerQuestion) => {
  switch (question.ask) {
    case "serve":
      return contending.serve(question.place);
    case "start":
      running.meter = new Meter(question.heap);
      return true;
    case "stop":
      return running.meter.stop();
  }
});
