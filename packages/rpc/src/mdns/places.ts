import { networkInterfaces } from "node:os";

/** Where a service can be reached: all interfaces, or one; both families of addresses, or one. */
export interface Place {
  readonly interface?: string;
  readonly family?: 4 | 6;
}

export interface PlacesOptions {
  /** Addresses the service listens on; all of the machine's unless given. */
  readonly addresses?: readonly string[];
  /** Names of the interfaces to advertise on; those that the addresses belong to unless given. */
  readonly interfaces?: readonly string[];
}

/** One place for each interface and family that the service listens on. */
export function placesOf({ addresses, interfaces }: PlacesOptions): Place[] {
  const listening = addresses === undefined ? [{}] : merged(addresses.flatMap(placeOfAddress));
  if (interfaces === undefined) return listening;
  return listening.flatMap((place) => narrowed(place, interfaces));
}

/** Addresses of this machine, by name of interface. */
export function interfaceAddresses(name: string, family?: 4 | 6): string[] {
  const found = networkInterfaces()[name] ?? [];
  return found
    .filter(({ address }) => family === undefined || familyOf(address) === family)
    .map(({ address }) => address);
}

/** Interfaces that lead out of this machine; the loopback where there is none. */
export function outwardInterfaces(): string[] {
  const all = Object.entries(networkInterfaces());
  const outward = all.filter(([, addresses]) => addresses?.some(({ internal }) => !internal));
  return (outward.length > 0 ? outward : all).map(([name]) => name);
}

/** All names of interfaces. */
export function allInterfaces(): string[] {
  return Object.keys(networkInterfaces());
}

export function familyOf(address: string): 4 | 6 {
  return address.includes(":") ? 6 : 4;
}

function placeOfAddress(address: string): Place[] {
  if (address === "0.0.0.0") return [{ family: 4 }];
  if (address === "::") return [{ family: 6 }];
  const name = interfaceOf(address);
  return name === undefined ? [] : [{ interface: name, family: familyOf(address) }];
}

function interfaceOf(address: string): string | undefined {
  const [plain, zone] = address.split("%");
  if (zone !== undefined) return zone;
  const all = Object.entries(networkInterfaces());
  const exact = all.find(([, found]) => found?.some((one) => one.address === plain));
  return (exact ?? all.find(([, found]) => isLoopback(address) && found?.some(({ internal }) => internal)))?.[0];
}

/** All of 127/8 is the machine itself, though only 127.0.0.1 is listed. */
function isLoopback(address: string): boolean {
  return address === "::1" || address.startsWith("127.");
}

/** Both families on all interfaces are one place, and no place comes twice. */
function merged(places: readonly Place[]): Place[] {
  const everywhere = new Set(places.filter((place) => place.interface === undefined).map(({ family }) => family));
  if (everywhere.size === 2) return [{}];
  const unlike = new Map(places.map((place) => [`${place.interface}/${place.family}`, place]));
  return [...unlike.values()];
}

function narrowed(place: Place, interfaces: readonly string[]): Place[] {
  if (place.interface !== undefined) return interfaces.includes(place.interface) ? [place] : [];
  return interfaces.map((name) => ({ ...place, interface: name }));
}
