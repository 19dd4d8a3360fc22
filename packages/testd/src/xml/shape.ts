import { elements, isElement, textOf, type XmlElement } from "./element.ts";

/**
 * What an element may hold, in the order in which it is written. Reading by a shape drops what the shape does not
 * name, as libvirt drops what its structures have no room for.
 */
export interface Shape {
  readonly attributes: readonly string[];
  /** Names with their shapes; a function where a shape holds itself. */
  readonly children: Readonly<Record<string, Shape | (() => Shape)>>;
  readonly block?: true;
}

/** A shape from blank-separated attribute names and the shapes of children. */
export function shape(attributes = "", children: Shape["children"] = {}): Shape {
  return { attributes: attributes.split(" ").filter((name) => name !== ""), children };
}

/** Any content is kept as it came: the element belongs to an application. */
export const FOREIGN: Shape = { attributes: [], children: {} };

/** The element as its shape has it: known attributes and children only, in the shape's order. */
export function canonical(from: XmlElement, by: Shape): XmlElement {
  if (by === FOREIGN) return from;
  const attributes = by.attributes.flatMap((name) => attributePair(from, name));
  const children = Object.entries(by.children).flatMap(([name, child]) =>
    elements(from, name).map((found) => canonical(found, typeof child === "function" ? child() : child)),
  );
  return {
    ...keptBlock(from, by),
    name: from.name,
    attributes: new Map(attributes),
    children: content(from, children),
  };
}

function keptBlock(from: XmlElement, by: Shape): { block?: true } {
  return by.block === true || from.block === true ? { block: true } : {};
}

function attributePair(from: XmlElement, name: string): (readonly [string, string])[] {
  const value = from.attributes.get(name);
  return value === undefined ? [] : [[name, value]];
}

/** Text counts only where there are no elements, and blanks alone do not count at all. */
function content(from: XmlElement, children: XmlElement[]): XmlElement["children"] {
  if (children.length > 0 || from.children.some(isElement)) return children;
  const text = textOf(from) ?? "";
  return text.trim() === "" ? [] : [text];
}
