/** For a callback that has nothing to do. */
export function nothing(): void {}
