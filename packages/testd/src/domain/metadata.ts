import { badArgument, Code, From, failure, invalidArgument } from "../failure.ts";
import { cloneElement, elements, find, isElement, remove, textOf, type XmlElement } from "../xml/element.ts";
import { formatForeign } from "../xml/format.ts";
import { parseAnyXml } from "../xml/parse.ts";
import { type DomainDefinition, section, setTopText } from "./definition.ts";
import { namespaceOf } from "./parse.ts";

/** virDomainMetadataType. */
export const MetadataType = { DESCRIPTION: 0, TITLE: 1, ELEMENT: 2 } as const;

/** One note of a user or an application on a domain. */
export interface Note {
  readonly type: number;
  readonly text: string | null;
  /** Prefix under which an application's element is kept. */
  readonly key: string | null;
  /** Namespace that tells applications apart. */
  readonly uri: string | null;
}

export function readNote(definition: DomainDefinition, type: number, uri: string | null): string {
  const found = type === MetadataType.ELEMENT ? elementText(definition, uri) : textOf(definition, fieldOf(type));
  if (found !== null) return found;
  throw failure(Code.NO_DOMAIN_METADATA, From.DOMAIN, "Requested metadata element is not present");
}

/** Puts a note into each of the descriptions; without a text it is taken out. */
export function writeNote(definitions: readonly DomainDefinition[], note: Note): void {
  const { type, text } = note;
  const made = type === MetadataType.ELEMENT && text !== null ? prefixed(note, text) : null;
  for (const definition of definitions) {
    if (type === MetadataType.ELEMENT) putElement(definition, made, note.uri);
    else setTopText(definition, fieldOf(type), text);
  }
}

/** Refuses what libvirt's API refuses before any driver sees it. */
export function checkNote({ type, text, key, uri }: Note): void {
  const api = "virDomainSetMetadata";
  if (type === MetadataType.TITLE && text?.includes("\n") === true) {
    throw badArgument("metadata title can't contain newlines", api, "metadata");
  }
  if (type !== MetadataType.ELEMENT) return;
  if (uri === null) throw badArgument(`uri in ${api} must not be NULL`, api, "uri");
  if (text !== null && key === null) throw badArgument(`key in ${api} must not be NULL`, api, "key");
}

function fieldOf(type: number): string {
  if (type === MetadataType.TITLE) return "title";
  if (type === MetadataType.DESCRIPTION) return "description";
  throw invalidArgument(`unknown metadata type '${type}'`, From.DOMAIN);
}

function elementText(definition: DomainDefinition, uri: string | null): string | null {
  const parent = find(definition, "metadata");
  const found = parent === null ? undefined : elements(parent).find((child) => namespaceOf(child) === uri);
  return found === undefined ? null : formatForeign(unprefixed(found));
}

function putElement(definition: DomainDefinition, made: XmlElement | null, uri: string | null): void {
  const parent = section(definition, "metadata");
  const kept = elements(parent).filter((child) => namespaceOf(child) !== uri);
  const next = made === null ? kept : [...kept, cloneElement(made)];
  parent.children.splice(0, parent.children.length, ...next);
  if (next.length === 0) remove(definition, "metadata");
}

/** The element with every name under the application's prefix, and the prefix declared. */
function prefixed({ key, uri }: Note, text: string): XmlElement {
  const root = parseAnyXml(text, { document: "metadata_xml", domain: From.DOMAIN });
  const made = renamed(root, (name) => (name.includes(":") ? name : `${key}:${name}`));
  const attributes = [...made.attributes];
  const declared = [`xmlns:${key}`, uri ?? ""] as const;
  const namespaces = attributes.filter(([name]) => name.startsWith("xmlns") && name !== declared[0]);
  const plain = attributes.filter(([name]) => !name.startsWith("xmlns"));
  return { ...made, attributes: new Map([...namespaces, declared, ...plain]) };
}

function unprefixed(found: XmlElement): XmlElement {
  const prefix = found.name.includes(":") ? found.name.slice(0, found.name.indexOf(":") + 1) : "";
  if (prefix === "") return found;
  const made = renamed(found, (name) => (name.startsWith(prefix) ? name.slice(prefix.length) : name));
  made.attributes.delete(`xmlns:${prefix.slice(0, -1)}`);
  return made;
}

function renamed(at: XmlElement, rename: (name: string) => string): XmlElement {
  const children = at.children.map((child) => (isElement(child) ? renamed(child, rename) : child));
  return { ...at, name: rename(at.name), attributes: new Map(at.attributes), children };
}
