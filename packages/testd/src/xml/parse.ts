import { SaxesParser } from "saxes";
import { Code, From, failure } from "../failure.ts";
import { type XmlElement } from "./element.ts";

/** What a document may be at most; a daemon reads what strangers send. */
const LIMITS = {
  /** libxml2's own limit of nesting, beyond which its readers give up as well. */
  depth: 256,
  /** A description of a machine with thousands of devices fits; memory for a hostile one stays in tens of MiB. */
  elements: 100_000,
  attributes: 200_000,
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
  const builder = new TreeBuilder();
  const parser = new SaxesParser<{ xmlns: false; position: true }>({ xmlns: false, position: true });
  const complain = (what: string): never => {
    throw syntaxError(text, kind, { line: parser.line, column: parser.column }, what);
  };
  parser.on("error", (error) => complain(reason(error.message, builder)));
  parser.on("opentag", (tag) => builder.open(tag.name, tag.attributes) ?? complain("Document is too large"));
  parser.on("text", (piece) => builder.text(piece));
  parser.on("cdata", (piece) => builder.text(piece));
  parser.on("closetag", () => builder.close());
  // libvirt's strings end at a NUL; so does what its parser sees.
  parser.write(text.replace(/\0.*$/s, "")).close();
  return builder.root ?? complain("Document is empty");
}

/** Builds the tree while the parser goes, without recursion: depth is the sender's choice. */
class TreeBuilder {
  root: XmlElement | null = null;
  readonly #open: XmlElement[] = [];
  #elements = 0;
  #attributes = 0;

  /** False-like (`undefined`) when the document exceeds a limit. */
  open(name: string, attributes: Readonly<Record<string, string>>): true | undefined {
    const entry: XmlElement = { name, attributes: new Map(Object.entries(attributes)), children: [] };
    this.#elements += 1;
    this.#attributes += entry.attributes.size;
    if (this.#elements > LIMITS.elements || this.#attributes > LIMITS.attributes) return undefined;
    if (this.#open.length >= LIMITS.depth) return undefined;
    this.#open.at(-1)?.children.push(entry);
    this.root ??= entry;
    this.#open.push(entry);
    return true;
  }

  text(piece: string): void {
    this.#open.at(-1)?.children.push(piece);
  }

  close(): void {
    const closed = this.#open.pop();
    if (closed !== undefined) dropLayout(closed);
  }

  get innermost(): string | null {
    return this.#open.at(-1)?.name ?? null;
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
function reason(message: string, builder: TreeBuilder): string {
  const text = message.replace(/^\d+:\d+: /, "").replace(/\.$/, "");
  if (text.startsWith("unclosed tag")) return `Premature end of data in tag ${builder.innermost ?? "?"}`;
  if (text === "document must contain a root element") return "Document is empty";
  if (text === "text data outside of root node") {
    return builder.root === null ? "Start tag expected, '<' not found" : "Extra content at the end of the document";
  }
  if (text === "documents may contain only one root") return "Extra content at the end of the document";
  if (text.startsWith("unexpected close tag") || text.startsWith("unmatched closing tag"))
    return `Opening and ending tag mismatch: ${builder.innermost ?? "?"}`;
  if (text === "unquoted attribute value") return "AttValue: \" or ' expected";
  return text;
}

function syntaxError(text: string, kind: XmlKind, at: { line: number; column: number }, what: string): Error {
  const line = text.split("\n")[at.line - 1];
  const context = line === undefined || line === "" ? "(null)" : line.slice(0, 80);
  const pointer = `${"-".repeat(Math.max(0, Math.min(at.column, context.length) - 1))}^`;
  return failure(Code.XML_DETAIL, kind.domain, `(${kind.document}):${at.line}: ${what}\n${context}\n${pointer}`);
}
