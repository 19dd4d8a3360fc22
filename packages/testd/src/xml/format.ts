import { isElement, textOf, type XmlElement, type XmlNode } from "./element.ts";

/** The text of an element as libvirt writes it: two blanks per level, single quotes. */
export function formatXml(root: XmlElement, indent = ""): string {
  return lines(root, indent).join("\n").concat("\n");
}

/** What libvirt's own writer does to text and attribute values. */
export function escapeXml(text: string): string {
  return text.replace(/[&<>"']/g, (char) => ENTITIES[char] ?? char);
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&apos;",
};

/** Elements below `<metadata>` belong to applications: libvirt hands them to its XML library, which quotes otherwise. */
const FOREIGN_PARENT = "metadata";

function lines(at: XmlElement, indent: string): string[] {
  const open = `${indent}<${at.name}${attributes(at, "'", escapeXml)}`;
  if (at.children.length === 0) return at.block === true ? [`${open}>`, `${indent}</${at.name}>`] : [`${open}/>`];
  if (!at.children.some(isElement)) return [`${open}>${escapeXml(textOf(at) ?? "")}</${at.name}>`];
  const inner = at.children.filter(isElement);
  const write = at.name === FOREIGN_PARENT ? foreignLines : lines;
  return [`${open}>`, ...inner.flatMap((child) => write(child, `${indent}  `)), `${indent}</${at.name}>`];
}

/** An application's element, as an XML library would write it. */
export function formatForeign(root: XmlElement): string {
  return foreignLines(root, "").join("\n");
}

function foreignLines(at: XmlElement, indent: string): string[] {
  const open = `${indent}<${at.name}${attributes(at, '"', escapeForeignAttribute)}`;
  if (at.children.length === 0) return [`${open}/>`];
  if (!at.children.every(isElement)) return [`${open}>${at.children.map(foreignInline).join("")}</${at.name}>`];
  return [`${open}>`, ...at.children.flatMap((child) => foreignLines(child, `${indent}  `)), `${indent}</${at.name}>`];
}

function foreignInline(node: XmlNode): string {
  if (!isElement(node)) return escapeForeign(node);
  const open = `<${node.name}${attributes(node, '"', escapeForeignAttribute)}`;
  return node.children.length === 0
    ? `${open}/>`
    : `${open}>${node.children.map(foreignInline).join("")}</${node.name}>`;
}

function attributes(at: XmlElement, quote: string, escape: (text: string) => string): string {
  return [...at.attributes].map(([name, value]) => ` ${name}=${quote}${escape(value)}${quote}`).join("");
}

function escapeForeign(text: string): string {
  return text.replace(/[&<>]/g, (char) => ENTITIES[char] ?? char);
}

function escapeForeignAttribute(text: string): string {
  return text.replace(/[&<>"]/g, (char) => ENTITIES[char] ?? char);
}
