/** What `load` imports. An optional dependency that isn't installed is told in one sentence; `cause` has the rest. */
export async function optionalPackage<T>(name: string, purpose: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (error) {
    if (!isMissing(error)) throw error;
    throw new MissingPackageError(`${purpose} needs the package ${name}: run "npm install ${name}".`, { cause: error });
  }
}

/** An optional dependency is not installed. */
export class MissingPackageError extends Error {
  override readonly name = "MissingPackageError";
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && /^(ERR_)?MODULE_NOT_FOUND$/.test(String(error.code));
}
