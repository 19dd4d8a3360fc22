/* A child: one contender's client, or both its ends in memory. Arguments: its name, and where the server is. */
import { answerQuestions } from "./child.ts";
import { type Contender, type ContenderName, contender, type Place, type Session } from "./contender.ts";
import type { Load, Tally } from "./load.ts";
import { Meter, type Usage } from "./meter.ts";

export interface ClientQuestion {
  readonly load: Load;
  readonly heap: boolean;
}

export interface ClientAnswer {
  readonly tally: Tally;
  readonly usage: Usage;
}

const [, , name, place] = process.argv;
const contending = await contender(name as ContenderName); // the parent's list
const session = await open(contending);

answerQuestions(async ({ load, heap }: ClientQuestion): Promise<ClientAnswer> => {
  const meter = new Meter(heap);
  const tally = await session.run(load);
  return { tally, usage: meter.stop() };
});

function open(from: Contender): Promise<Session> {
  if (place !== undefined) return from.open(JSON.parse(place) as Place); // written by the parent
  if (from.join === undefined) throw new Error(`${name} can't be joined in memory`);
  return from.join();
}
