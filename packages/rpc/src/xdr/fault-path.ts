import { XdrError } from "./error.ts";
import { XdrReader } from "./reader.ts";
import type { XdrType } from "./type.ts";
import { XdrWriter } from "./writer.ts";

/*
 * Codecs keep no track of field names: every message would pay for the few that are broken. When one is broken it is
 * run once more, by instruments that find the field. Nothing here runs for good messages.
 */

/** The same error with the path of the field that failed, found by decoding `bytes` again. */
export function locateDecodeFault<T>(error: XdrError, type: XdrType<T>, bytes: Uint8Array, name: string): XdrError {
  const mark = {};
  const probe = markingReader(new XdrReader(bytes), mark);
  const path = pathOf(type.decode(probe.reader), mark) ?? "";
  // A count or an optional's mark has no field of its own: the fault belongs to the array or value it announces.
  const place = probe.inCount() ? path.slice(0, path.lastIndexOf("[0]")) : path;
  return new XdrError(error.detail, { offset: error.offset, path: join(name, place), cause: error.cause });
}

/** The same kind of error with the path of the field that failed, found by encoding `value` again. */
export function locateEncodeFault<T>(error: unknown, type: XdrType<T>, value: T, name: string): unknown {
  if (!(error instanceof TypeError || error instanceof RangeError)) return error;
  const touched = { path: "" };
  try {
    type.encode(new XdrWriter(), watched(value, "", touched));
  } catch {
    // The same fault as before; what counts is which field was touched last.
  }
  const message = `${join(name, touched.path) || "value"}: ${error.message}`;
  return error instanceof RangeError
    ? new RangeError(message, { cause: error })
    : new TypeError(message, { cause: error });
}

/**
 * A reader that never fails: where the first fault is it answers with `mark`, and from there on with nothing. So the
 * place of `mark` in the decoded value is the path of the fault.
 */
function markingReader(reader: XdrReader, mark: object): { reader: XdrReader; inCount(): boolean } {
  let failedIn = "";
  let placed = false;
  const answer = (method: string): unknown => {
    if (failedIn === "") {
      failedIn = method;
      // These say what follows; let one thing follow, and mark that.
      if (method === "count" || method === "optional") return 1;
    }
    if (placed && method !== "unknownCase") return 0;
    placed = true;
    return mark;
  };
  const proxy = new Proxy(reader, {
    get(target, key) {
      const member: unknown = Reflect.get(target, key, target);
      if (typeof member !== "function") return member;
      return (...args: unknown[]): unknown => {
        if (failedIn !== "") return answer(String(key));
        try {
          return Reflect.apply(member, target, args);
        } catch {
          return answer(String(key));
        }
      };
    },
  });
  return { reader: proxy, inCount: () => failedIn === "count" };
}

function pathOf(value: unknown, mark: object): string | undefined {
  if (value === mark) return "";
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return undefined;
  for (const [key, child] of Object.entries(value)) {
    const rest = pathOf(child, mark);
    if (rest !== undefined) return join(Array.isArray(value) ? `[${key}]` : key, rest);
  }
  return undefined;
}

/** `value`, noting in `touched` the path of each field as it is read. */
function watched<T>(value: T, path: string, touched: { path: string }): T {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return value;
  return new Proxy(value, {
    get(target, key) {
      const child: unknown = Reflect.get(target, key, target);
      if (typeof key === "symbol" || (Array.isArray(target) && !/^\d+$/.test(key))) return child;
      touched.path = join(path, Array.isArray(target) ? `[${key}]` : key);
      return watched(child, touched.path, touched);
    },
  });
}

function join(head: string, tail: string): string {
  return head === "" || tail === "" || tail.startsWith("[") ? head + tail : `${head}.${tail}`;
}
