import { raceVolumes, type VolumePlan, type VolumeRate } from "../volume-race.ts";
import type { TlsPlace } from "./peers.ts";

/** How fast a volume of a file went over TLS. */
export interface TlsVolumeResult extends VolumeRate {
  readonly server: TlsPlace["server"];
}

/** With virsh and our client, each with one server after the other. */
export async function measureTlsVolumes(places: readonly TlsPlace[], plan: VolumePlan): Promise<TlsVolumeResult[]> {
  const results: TlsVolumeResult[] = [];
  for (const place of places) {
    const rates = await raceVolumes(place, plan);
    results.push(...rates.map((rate) => ({ ...rate, server: place.server })));
  }
  return results;
}
