/** What `run` throws; undefined when it doesn't. */
export function thrownBy(run: () => unknown): unknown {
  try {
    run();
    return undefined;
  } catch (error) {
    return error;
  }
}

/** The class of what was thrown; undefined when nothing was. */
export function classOf(thrown: unknown): unknown {
  return thrown instanceof Error ? thrown.constructor : thrown;
}
