import { loadForeign } from "../foreign.ts";
import { openLibsasl2 } from "./libsasl2.ts";

/** This machine's Cyrus SASL. */
export interface Cyrus {
  /** "2.1.28" */
  readonly version: string;
}

/** Loads libsasl2 and its plugins. Where it is not installed, the error says in one sentence what to install. */
export async function loadCyrus(): Promise<Cyrus> {
  const foreign = await loadForeign();
  const sasl = openLibsasl2(foreign);
  const version: [string | null] = [null];
  sasl.sasl_version_info([null], version, [0], [0], [0], [0]);
  return { version: version[0] ?? "unknown" };
}
