import { SaxesParser } from "saxes";
import { Code, From, failure } from "../failure.ts";
import { type XmlElement } from "./element.ts";

/** What a document may be at most; a daemon reads what strangers send. */
const LIMITS = {
  /** Characters. A machine with a thousand devices takes half of it. */
  length: 1_048_576,
  /** libxml2's own limit of nesting, beyond which its readers give up as well. */
  depth: 256,
  /** Elements and attributes together, which weigh much more in memory than in the document. */
  nodes: 20_000,
} as const;

/** What is being read, for the texts of errors. */
export interface XmlKind {
  /** Stands for a file name in syntax errors: `domain_definition`. */
  readonly document: string;
  /** The error domain (virErrorDomain) of syntax errors. */
  readonly domain: number;
}

/** Reads a document whose root must be called `root`. */
export function parseXml(text: string, root: string, kind: XmlKind): XmlElement {
  const found = parseAnyXml(text, kind);
  if (found.name === root) return found;
  throw failure(Code.XML_ERROR, From.XML, `expecting root element of '${root}', not '${found.name}'`);
}

/** Reads a document, whatever its root. */
export function parseAnyXml(text: string, kind: XmlKind): XmlElement {
  if (text.length > LIMITS.length) throw syntaxError("", kind, { line: 1, column: 0 }, TOO_LARGE);
  const builder = new TreeBuilder();
  const parser = new SaxesParser<{ xmlns: false; position: true }>({ xmlns: false, position: true });
  const complain = (what: string): never => {
    throw syntaxError(text, kind, { line: parser.line, column: parser.column }, what);
  };
  parser.on("error", (error) => complain(reason(error.message, builder, text.slice(0, parser.position))));
  parser.on("opentag", ({ name, attributes }) => {
    if (!builder.open(name, attributes, parser.line)) complain(TOO_LARGE);
  });
  parser.on("text", (piece) => builder.text(piece));
  parser.on("cdata", (piece) => builder.text(piece));
  parser.on("closetag", () => builder.close());
  // libvirt's strings end at a NUL; so does what its parser sees.
  parser.write(text.replace(/\0.*$/s, "")).close();
  return builder.root ?? complain("Document is empty");
}

/** An element whose end is still to come. */
interface OpenTag {
  readonly element: XmlElement;
  readonly name: string;
  readonly line: number;
}

/** Builds the tree while the parser goes, without recursion: depth is the sender's choice. */
class TreeBuilder {
  root: XmlElement | null = null;
  lastClosed: OpenTag | null = null;
  readonly #open: OpenTag[] = [];
  #nodes = 0;

  /** False when the document exceeds a limit. */
  open(name: string, attributes: Readonly<Record<string, string>>, line: number): boolean {
    const element: XmlElement = { name, attributes: new Map(Object.entries(attributes)), children: [] };
    this.#nodes += 1 + element.attributes.size;
    if (this.#nodes > LIMITS.nodes || this.#open.length >= LIMITS.depth) return false;
    this.innermost?.element.children.push(element);
    this.root ??= element;
    this.#open.push({ element, name, line });
    return true;
  }

  text(piece: string): void {
    this.innermost?.element.children.push(piece);
  }

  close(): void {
    this.lastClosed = this.#open.pop() ?? null;
    if (this.lastClosed !== null) dropLayout(this.lastClosed.element);
  }

  get innermost(): OpenTag | null {
    return this.#open.at(-1) ?? null;
  }
}

/** Blanks between elements are layout; text beside elements is not. */
function dropLayout(at: XmlElement): void {
  const hasText = at.children.some((child) => typeof child === "string" && child.trim() !== "");
  if (hasText || !at.children.some((child) => typeof child !== "string")) return;
  const kept = at.children.filter((child) => typeof child !== "string");
  at.children.splice(0, at.children.length, ...kept);
}

/** The parser's complaint in the words that users of libvirt know, where there are such. */
function reason(message: string, builder: TreeBuilder, read: string): string {
  const text = message.replace(/^\d+:\d+: /, "").replace(/\.$/, "");
  const { innermost, lastClosed } = builder;
  if (text.startsWith("unclosed tag")) return `Premature end of data in tag ${told(innermost)}`;
  if (text === "document must contain a root element") return noRoot(read);
  if (text === "text data outside of root node") {
    return builder.root === null ? "Start tag expected, '<' not found" : EXTRA_CONTENT;
  }
  if (text === "documents may contain only one root") return EXTRA_CONTENT;
  if (text.startsWith("unexpected close tag")) {
    return `Opening and ending tag mismatch: ${told(lastClosed)} and ${innermost?.name ?? "?"}`;
  }
  if (text.startsWith("unmatched closing tag")) return `Opening and ending tag mismatch: ${told(innermost)}`;
  if (text === "unquoted attribute value") return "AttValue: \" or ' expected";
  if (text === "undefined entity") return `Entity '${/&([^&;\s]*);?$/.exec(read)?.[1] ?? "?"}' not defined`;
  return text;
}

const TOO_LARGE = "Document is too large";
const EXTRA_CONTENT = "Extra content at the end of the document";

function noRoot(read: string): string {
  const start = /^\s*<([^\s<>/]+)/.exec(read)?.[1];
  if (start !== undefined) return `Couldn't find end of Start Tag ${start} line ${read.split("\n").length}`;
  return read.trim() === "" ? "Document is empty" : "Start tag expected, '<' not found";
}

function told(tag: OpenTag | null): string {
  return tag === null ? "?" : `${tag.name} line ${tag.line}`;
}

function syntaxError(text: string, kind: XmlKind, at: { line: number; column: number }, what: string): Error {
  const line = text.split("\n")[at.line - 1];
  const context = line === undefined || line === "" ? "(null)" : line.slice(0, 80);
  const pointer = `${"-".repeat(Math.max(0, Math.min(at.column, context.length) - 1))}^`;
  return failure(Code.XML_DETAIL, kind.domain, `(${kind.document}):${at.line}: ${what}\n${context}\n${pointer}`);
}
