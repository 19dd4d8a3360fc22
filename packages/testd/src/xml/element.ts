/** One element of a document. Order of attributes and children is kept. */
export interface XmlElement {
  readonly name: string;
  readonly attributes: Map<string, string>;
  readonly children: XmlNode[];
  /** Written as an open and a closing tag on two lines even when there is nothing inside, as libvirt does for some. */
  readonly block?: true;
}

/** An element or a piece of text. */
export type XmlNode = XmlElement | string;

/** An element from plain values; attributes that are `undefined` are left out. */
export function element(
  name: string,
  attributes: Readonly<Record<string, string | number | bigint | undefined>> = {},
  ...children: readonly (XmlNode | null)[]
): XmlElement {
  const kept = Object.entries(attributes).flatMap(([key, value]) =>
    value === undefined ? [] : [[key, String(value)] as const],
  );
  return { name, attributes: new Map(kept), children: children.filter((child) => child !== null) };
}

/** An element that holds nothing but a text. */
export function textElement(name: string, text: string | number | bigint): XmlElement {
  return element(name, {}, String(text));
}

/** Like `element`, but spread over two lines when empty. */
export function block(name: string, ...children: readonly (XmlNode | null)[]): XmlElement {
  return { ...element(name, {}, ...children), block: true };
}

export function isElement(node: XmlNode): node is XmlElement {
  return typeof node !== "string";
}

export function elements(parent: XmlElement, name?: string): XmlElement[] {
  return parent.children.filter(isElement).filter((child) => name === undefined || child.name === name);
}

/** The first child of that name; `path` steps down, one name after the other. */
export function find(parent: XmlElement | null, ...path: readonly string[]): XmlElement | null {
  let at = parent;
  for (const name of path)
    at = at?.children.find((child): child is XmlElement => isElement(child) && child.name === name) ?? null;
  return at;
}

/** The text right inside the element, or inside the descendant at `path`. */
export function textOf(parent: XmlElement | null, ...path: readonly string[]): string | null {
  const at = find(parent, ...path);
  return at === null ? null : at.children.filter((child) => typeof child === "string").join("");
}

export function attributeOf(parent: XmlElement | null, name: string, ...path: readonly string[]): string | null {
  return find(parent, ...path)?.attributes.get(name) ?? null;
}

/** Puts `child` where an element of its name stands, else behind the last that `order` names before it. */
export function place(parent: XmlElement, child: XmlElement, order: readonly string[]): void {
  const at = parent.children.findIndex((node) => isElement(node) && node.name === child.name);
  if (at >= 0) parent.children.splice(at, 1, child);
  else parent.children.splice(rankedPosition(parent, child.name, order), 0, child);
}

/** Takes every child of that name out. */
export function remove(parent: XmlElement, name: string): void {
  const kept = parent.children.filter((node) => !isElement(node) || node.name !== name);
  parent.children.splice(0, parent.children.length, ...kept);
}

function rankedPosition(parent: XmlElement, name: string, order: readonly string[]): number {
  const rank = order.indexOf(name);
  if (rank < 0) return parent.children.length;
  const later = parent.children.findIndex((node) => isElement(node) && order.indexOf(node.name) > rank);
  return later < 0 ? parent.children.length : later;
}

/** A copy that shares nothing with the original. */
export function cloneElement(original: XmlElement): XmlElement {
  return {
    ...original,
    attributes: new Map(original.attributes),
    children: original.children.map((child) => (isElement(child) ? cloneElement(child) : child)),
  };
}
