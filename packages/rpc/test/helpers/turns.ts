/** After all microtasks of this turn. */
export const nextTurn = (): Promise<void> => new Promise((fulfil) => setImmediate(fulfil));

/** Turn after turn until `done`; the test's own time limit ends it otherwise. */
export async function until(done: () => boolean): Promise<void> {
  while (!done()) await nextTurn();
}
