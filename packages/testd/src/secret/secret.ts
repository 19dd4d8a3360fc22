import { VirSecretUsageType as Usage } from "@virnet/libvirt/enums";
import type { RemoteNonnullSecret } from "@virnet/libvirt/remote";
import { Code, From, failure, unsupportedConfig, xmlError } from "../failure.ts";
import { newUuid, parseUuid, uuidToBytes } from "../uuid.ts";
import { attributeOf, element, find, textElement, textOf, type XmlElement } from "../xml/element.ts";
import { parseXml } from "../xml/parse.ts";

/** What a secret is for, by the word that XML has: its number, and the element that says which. */
const USAGES: Readonly<Record<string, readonly [number: number, element: string | null]>> = {
  none: [Usage.NONE, null],
  volume: [Usage.VOLUME, "volume"],
  ceph: [Usage.CEPH, "name"],
  iscsi: [Usage.ISCSI, "target"],
  tls: [Usage.TLS, "name"],
  vtpm: [Usage.VTPM, "name"],
};

/** A secret as it was defined, and the value that it was given. */
export class Secret {
  readonly uuid: string;
  readonly ephemeral: boolean;
  /** Its value is told to nobody. */
  readonly private: boolean;
  readonly usageType: number;
  readonly usageId: string;
  /** In canonical form. */
  readonly definition: XmlElement;
  value: Uint8Array | null = null;

  constructor(xml: string) {
    const root = parseXml(xml, "secret", { document: "secret", domain: From.SECRET });
    const given = textOf(root, "uuid");
    const [usageType, usageElement, type] = usageOf(root);
    this.uuid = given === null || given === "" ? newUuid() : parseUuid(given, From.SECRET);
    this.ephemeral = yesOrNo(root, "ephemeral");
    this.private = yesOrNo(root, "private");
    this.usageType = usageType;
    this.usageId = usageElement === null ? "" : (textOf(find(root, "usage"), usageElement) ?? "");
    if (usageElement !== null && this.usageId === "") {
      throw xmlError(`${type} usage specified, but ${usageElement} is missing`, From.SECRET);
    }
    const description = textOf(root, "description");
    this.definition = element(
      "secret",
      { ephemeral: word(this.ephemeral), private: word(this.private) },
      textElement("uuid", this.uuid),
      description === null ? null : textElement("description", description),
      usageElement === null ? null : element("usage", { type }, textElement(usageElement, this.usageId)),
    );
  }

  get reference(): RemoteNonnullSecret {
    return { uuid: uuidToBytes(this.uuid), usageType: this.usageType, usageID: this.usageId };
  }

  /** The value, for who may see it. */
  reveal(): Uint8Array {
    if (this.private) throw failure(Code.INVALID_SECRET, From.SECRET, "secret is private");
    if (this.value === null) throw failure(Code.NO_SECRET, From.SECRET, `secret '${this.uuid}' does not have a value`);
    return this.value;
  }
}

function usageOf(root: XmlElement): readonly [number: number, element: string | null, type: string] {
  const usage = find(root, "usage");
  if (usage === null) return [Usage.NONE, null, "none"];
  const type = attributeOf(usage, "type");
  if (type === null) throw xmlError("unknown secret usage type", From.SECRET);
  const known = USAGES[type];
  if (known === undefined) throw unsupportedConfig(`unknown secret usage type ${type}`, From.SECRET);
  return [...known, type];
}

function yesOrNo(root: XmlElement, name: string): boolean {
  const text = attributeOf(root, name) ?? "no";
  if (text !== "yes" && text !== "no") throw xmlError(`invalid value of '${name}'`, From.SECRET);
  return text === "yes";
}

function word(on: boolean): string {
  return on ? "yes" : "no";
}
