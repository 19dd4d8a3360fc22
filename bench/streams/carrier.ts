import type { Place } from "../calls/contender.ts";

export type Direction = "up" | "down";

/** One way to move many bytes from a process to another. */
export interface Carrier {
  /** Serves both directions; resolves to where. */
  serve(place: Place): Promise<Place>;
  /** Moves at least so many bytes; resolves when the last has been taken. */
  move(place: Place, direction: Direction, bytes: number): Promise<void>;
  readonly directions: readonly Direction[];
}

export type CarrierName = "raw" | "virnet" | "grpc";

export const carrierNames: readonly CarrierName[] = ["raw", "virnet", "grpc"];

export async function carrier(name: CarrierName): Promise<Carrier> {
  if (name === "raw") return (await import("./raw.ts")).raw;
  return name === "virnet" ? (await import("./virnet.ts")).virnet : (await import("./grpc.ts")).grpc;
}
