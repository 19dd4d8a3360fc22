import type { CiaoService, Responder } from "@homebridge/ciao";
import { alternativeName } from "../instance-name.ts";

/** What the responder does when somebody claims our name, or an interface comes: announce the service again. */
type Republish = (service: CiaoService, done: (error?: Error) => void, delayed?: boolean) => Promise<void>;

/**
 * When announcing again fails ciao ends the whole process (`process.exit`, Responder.js and CiaoService.js of 1.3.12),
 * so a claim on our name by anybody, at a bad moment, would. This hides such a failure from it and tells `notice`.
 * Throws when ciao isn't the one known.
 */
export function guardResponder(responder: Responder, notice: (text: string) => void): void {
  if (Object.hasOwn(responder, "republishService")) return; // one responder serves all services of the same interfaces
  const republish: unknown = Reflect.get(responder, "republishService");
  if (!isRepublish(republish)) throw new Error("this version of @homebridge/ciao is not known; ^1.3.12 is");
  const guarded: Republish = async (service, done, delayed) => {
    try {
      await republish.call(responder, service, (error) => tell(notice, error, done), delayed);
    } catch (error) {
      tell(notice, error, () => {});
    }
  };
  Object.defineProperty(responder, "republishService", { value: guarded, configurable: true });
}

/**
 * Makes a service whose name is taken choose the name that Avahi would. ciao would also number the host's name; it still
 * does, as that may be what is taken.
 */
export function nameLikeAvahi(service: CiaoService, first: string): void {
  const increment = service.incrementName.bind(service);
  let name = first;
  service.incrementName = (checkOnly) => {
    increment(checkOnly);
    if (checkOnly === true) return;
    name = alternativeName(name);
    void service.updateName(name); // it has not been announced: done at once, before the records are made again
    service.rebuildServiceRecords();
  };
}

function isRepublish(value: unknown): value is Republish {
  return typeof value === "function";
}

function tell(notice: (text: string) => void, error: unknown, done: () => void): void {
  if (error instanceof Error) notice(`a service could not be announced again (${error.message})`);
  done();
}
