/** `name` at most 15 characters, then the transport (RFC 6763 §7, RFC 6335 §5.1). */
const TYPE = /^_(?<name>[A-Za-z0-9](?:[A-Za-z0-9-]{0,13}[A-Za-z0-9])?)\._(?<protocol>tcp|udp)$/i;

export interface ServiceType {
  /** `libvirt` */
  readonly name: string;
  readonly protocol: "tcp" | "udp";
}

/** The two halves of `_libvirt._tcp`. Throws `RangeError` for what is no service type. */
export function parseServiceType(type: string): ServiceType {
  const { name, protocol } = TYPE.exec(type)?.groups ?? {};
  if (name === undefined || protocol === undefined) {
    throw new RangeError(`service type is "${type}", expected something like _libvirt._tcp`);
  }
  return { name, protocol: protocol.toLowerCase() === "udp" ? "udp" : "tcp" };
}
