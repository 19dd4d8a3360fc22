import { MissingPackageError } from "../util/optional-package.ts";
import { browseWithAvahi } from "./avahi/browser.ts";
import type { BackendName, BrowseSink, Closer, Query } from "./backend.ts";
import { encodeName } from "./dns/name.ts";
import { browseEmbedded } from "./embedded/browser.ts";
import { ServiceBrowse } from "./service-browse.ts";
import { parseServiceType } from "./service-type.ts";
import { browseUnicast, type UnicastOptions } from "./unicast/browser.ts";

export interface BrowseOptions extends UnicastOptions {
  /** `local`, unless given: multicast on the local links. Any other is looked up in unicast DNS: `example.org`. */
  readonly domain?: string;
  /**
   * For the local links: `auto`, unless given, asks Avahi where its daemon and the package dbus-native are there, and
   * asks by itself elsewhere.
   */
  readonly backend?: BackendName | "auto";
  /** For the embedded back end: names of interfaces to ask on; all unless given. */
  readonly interfaces?: readonly string[];
  /** Services known at a time; 1000 unless given. Those beyond are counted by `refused`. */
  readonly limit?: number;
  /** Ends it; the reader gets the reason. */
  readonly signal?: AbortSignal;
}

/** So many services nobody has, while as many forged ones take little memory. */
const LIMIT = 1000;

/**
 * What is advertised under `type`, from now on, as events. Leaving the loop ends it. Throws `RangeError` for what is no
 * type or domain; the reader gets what goes wrong later.
 */
export function browse(type: string, options: BrowseOptions = {}): ServiceBrowse {
  parseServiceType(type);
  const domain = (options.domain ?? "local").replace(/\.$/, "");
  encodeName(`${type}.${domain}`);
  const query: Query = { type, domain, limit: options.limit ?? LIMIT };
  return new ServiceBrowse(query, (sink) => startBrowser(query, sink, options), options.signal);
}

async function startBrowser(query: Query, sink: BrowseSink, options: BrowseOptions): Promise<Closer> {
  if (query.domain.toLowerCase() !== "local") return browseUnicast(query, sink, options);
  const { backend = "auto" } = options;
  const avahi = backend === "embedded" ? undefined : await viaAvahi(query, sink, backend);
  return avahi ?? browseEmbedded(query, sink, options);
}

async function viaAvahi(query: Query, sink: BrowseSink, backend: "avahi" | "auto"): Promise<Closer | undefined> {
  try {
    return await browseWithAvahi(query, sink, backend === "avahi");
  } catch (error) {
    if (backend === "auto" && error instanceof MissingPackageError) return undefined;
    throw error;
  }
}
