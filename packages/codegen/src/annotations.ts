import type { DiagnosticLog } from "./diagnostics.ts";
import type { Doc, DocLine } from "./doc.ts";
import type { Source, Span } from "./source.ts";

/** What a procedure's comment promises about it (libvirt-rpc §5.3). */
export interface Annotations {
  /** Which sides libvirt generates code for; ours generates both, and hands the fact on in the Spec. */
  readonly generate?: "none" | "client" | "server" | "both";
  readonly priority?: "high" | "low";
  /** Position of the stream among the arguments of the C function. */
  readonly readStream?: number;
  readonly writeStream?: number;
  /** The flag that allows holes in the stream. */
  readonly sparseFlag?: string;
  /** `object:permission[:flag]`, or `none`. */
  readonly acl: readonly string[];
  readonly aclFilter: readonly string[];
  /** Position of the result among the arguments of the C function. */
  readonly insert?: number;
  /** The first release that has the procedure. */
  readonly since?: string;
  /** Answered before authentication. */
  readonly open?: true;
}

export interface AnnotatedDoc {
  readonly annotations: Annotations;
  /** The lines that are no annotation. */
  readonly doc: Doc;
}

/** Reads `@name: value` lines of a comment. Unknown ones are warned about and dropped. */
export function readAnnotations(doc: Doc, source: Source, log: DiagnosticLog): AnnotatedDoc {
  const found: MutableAnnotations = { acl: [], aclFilter: [] };
  for (const line of doc.filter(isAnnotation)) readLine(found, line, source, log);
  return { annotations: found, doc: doc.filter((line) => !isAnnotation(line)) };
}

type MutableAnnotations = { -readonly [Key in keyof Annotations]: Annotations[Key] } & {
  acl: string[];
  aclFilter: string[];
};

const ANNOTATION = /^@(\w*)(\s*:?\s*)(.*)$/;

function isAnnotation(line: DocLine): boolean {
  return line.text.startsWith("@");
}

type Reader = (found: MutableAnnotations, value: string) => boolean;

/** Each stores its value and says whether it could make sense of it. */
const READERS = new Map<string, { wants: string; read: Reader }>([
  ["generate", { wants: "none, client, server or both", read: readGenerate }],
  ["priority", { wants: "high or low", read: readPriority }],
  ["readstream", { wants: "a position from 1", read: (found, value) => readPosition(found, "readStream", value) }],
  ["writestream", { wants: "a position from 1", read: (found, value) => readPosition(found, "writeStream", value) }],
  ["insert", { wants: "a position from 1", read: (found, value) => readPosition(found, "insert", value) }],
  ["sparseflag", { wants: "the name of a constant", read: readSparseFlag }],
  ["acl", { wants: "object:permission, or none", read: readAcl }],
  ["aclfilter", { wants: "object:permission", read: readAclFilter }],
  ["since", { wants: "a version such as 9.7.0", read: readSince }],
  ["open", { wants: "no value", read: readOpen }],
]);

function readLine(found: MutableAnnotations, line: DocLine, source: Source, log: DiagnosticLog): void {
  const [, name = "", gap = "", value = ""] = ANNOTATION.exec(line.text) ?? [];
  const reader = READERS.get(name);
  if (reader === undefined) {
    const span = { source, start: line.start, end: line.start + 1 + name.length };
    log.warning(
      span,
      `unknown annotation @${name}`,
      `known are ${[...READERS.keys()].map((key) => `@${key}`).join(", ")}`,
    );
  } else if (!reader.read(found, value.trim())) {
    const start = line.start + 1 + name.length + gap.length;
    log.error(valueSpan(source, start, line), `@${name} wants ${reader.wants}, found ${JSON.stringify(value.trim())}`);
  }
}

function valueSpan(source: Source, start: number, line: DocLine): Span {
  const end = line.start + line.text.length;
  return start < end ? { source, start, end } : { source, start: line.start, end };
}

function readGenerate(found: MutableAnnotations, value: string): boolean {
  if (value !== "none" && value !== "client" && value !== "server" && value !== "both") return false;
  found.generate = value;
  return true;
}

function readPriority(found: MutableAnnotations, value: string): boolean {
  if (value !== "high" && value !== "low") return false;
  found.priority = value;
  return true;
}

function readPosition(found: MutableAnnotations, key: "readStream" | "writeStream" | "insert", value: string): boolean {
  if (!/^[1-9]\d{0,2}$/.test(value)) return false;
  found[key] = Number(value);
  return true;
}

function readSparseFlag(found: MutableAnnotations, value: string): boolean {
  if (!/^[A-Za-z_]\w*$/.test(value)) return false;
  found.sparseFlag = value;
  return true;
}

const ACL = /^\w+:\w+(?::[\w!|:]*)?$/;

function readAcl(found: MutableAnnotations, value: string): boolean {
  if (value !== "none" && !ACL.test(value)) return false;
  found.acl.push(value);
  return true;
}

function readAclFilter(found: MutableAnnotations, value: string): boolean {
  if (!ACL.test(value)) return false;
  found.aclFilter.push(value);
  return true;
}

function readSince(found: MutableAnnotations, value: string): boolean {
  if (!/^\d+(?:\.\d+)*$/.test(value)) return false;
  found.since = value;
  return true;
}

function readOpen(found: MutableAnnotations, value: string): boolean {
  if (value !== "") return false;
  found.open = true;
  return true;
}
