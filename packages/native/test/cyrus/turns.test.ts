import { expect, it } from "vitest";
import { Turns } from "../../src/cyrus/turns.ts";

const forEver = new AbortController().signal;

it("lets so many in, the others in their order", async () => {
  const turns = new Turns(2);
  const entered: number[] = [];
  const enter = async (n: number): Promise<void> => {
    await turns.begin(forEver);
    entered.push(n);
  };
  await Promise.all([enter(1), enter(2)]);
  const waiting = [enter(3), enter(4)];
  await Promise.resolve();
  expect(entered).toEqual([1, 2]);
  turns.end();
  await waiting[0];
  expect(entered).toEqual([1, 2, 3]);
  turns.end();
  await waiting[1];
  expect(entered).toEqual([1, 2, 3, 4]);
});

it("who gives up waits no longer and takes no turn", async () => {
  const turns = new Turns(1);
  await turns.begin(forEver);
  const impatience = new AbortController();
  const impatient = turns.begin(impatience.signal);
  const next = turns.begin(forEver);
  impatience.abort(new Error("enough"));
  await expect(impatient).rejects.toThrow("enough");
  turns.end();
  await next;
  turns.end();
  await expect(turns.begin(impatience.signal)).rejects.toThrow("enough");
  await turns.begin(forEver);
});

it("has an end of the queue", async () => {
  const turns = new Turns(1, 2);
  await turns.begin(forEver);
  const waiting = [turns.begin(forEver), turns.begin(forEver)];
  await expect(turns.begin(forEver)).rejects.toThrow("2 authentications wait");
  turns.end();
  turns.end();
  await Promise.all(waiting);
});
