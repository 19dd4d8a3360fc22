import type { FoundService } from "../../src/mdns/service.ts";

/** A service of the local link, as a browser tells it. */
export function service(name: string, parts: Partial<FoundService> = {}): FoundService {
  const host = { host: "kvm1.local", port: 16509, addresses: ["192.0.2.1"], txt: {} };
  return { name, type: "_libvirt._tcp", domain: "local", ...host, ...parts };
}
