/** A service that somebody advertises. */
export interface FoundService {
  /** What people know it by (RFC 6763 §4.1.1): any text, dots and spaces included. */
  readonly name: string;
  /** `_libvirt._tcp` */
  readonly type: string;
  /** `local` on the local link. */
  readonly domain: string;
  /** The host's own name: `kvm1.local`. */
  readonly host: string;
  readonly port: number;
  /** All addresses of the host that were told, IPv4 first; one that is good on one link only ends in `%interface`. */
  readonly addresses: readonly string[];
  readonly txt: ServiceText;
}

/** What a service tells of itself (RFC 6763 §6): `true` for a key without a value. */
export type ServiceText = Readonly<Record<string, string | true>>;

/** What `browse` has seen. A `changed` one has the same name, and another host, port, address or text than before. */
export interface ServiceEvent {
  readonly kind: "up" | "changed" | "down";
  /** As it is now; for `down` as it was told last. */
  readonly service: FoundService;
}

/** Services of one name, type and domain are one service, however it is spelt (RFC 6762 §16). */
export function serviceKey({ name, type, domain }: Pick<FoundService, "name" | "type" | "domain">): string {
  return `${lowerAscii(name)}\0${lowerAscii(type)}\0${lowerAscii(domain)}`;
}

/** DNS compares ASCII letters without case, and all else as it is. */
export function lowerAscii(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}
