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
  return new XdrError(error.detail, {
    offset: error.offset,
    path: join(name, decodePath(type, bytes)),
    cause: error.cause,
  });
}

function decodePath<T>(type: XdrType<T>, bytes: Uint8Array): string {
  const mark = {};
  const probe = markingReader(new XdrReader(bytes), mark);
  try {
    return withoutItems(pathOf(type.decode(probe.reader), mark) ?? "", probe.itemsMade());
  } catch {
    // A codec written by hand may do more with what it reads than a probe can stand.
    return "";
  }
}

/** A count has no field of its own: its fault belongs to the array, not to the items that the probe made to get there. */
function withoutItems(path: string, items: number): string {
  const at = path.lastIndexOf("[0]");
  return items === 0 || at === -1 ? path : withoutItems(path.slice(0, at), items - 1);
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

/** As many counts and optionals as may follow each other before a field; a type that contains itself has no end of them. */
const DEEPEST = 16;

/**
 * A reader that never fails: where the first fault is it answers with `mark`, and from there on with nothing. So the
 * place of `mark` in the decoded value is the path of the fault.
 */
function markingReader(reader: XdrReader, mark: object): { reader: XdrReader; itemsMade(): number } {
  let failed = false;
  let placed = false;
  let descents = 0;
  let items = 0;
  const answer = (method: string): unknown => {
    failed = true;
    // These say what follows; let one thing follow, and mark that.
    if (!placed && (method === "count" || method === "optional") && ++descents <= DEEPEST) {
      if (method === "count") items++;
      return 1;
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
        if (failed) return answer(String(key));
        try {
          return Reflect.apply(member, target, args);
        } catch {
          return answer(String(key));
        }
      };
    },
  });
  return { reader: proxy, itemsMade: () => items };
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
