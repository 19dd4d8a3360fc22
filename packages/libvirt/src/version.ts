/** libvirt's number for a version (major × 1,000,000 + minor × 1,000 + release) as `major.minor.release`. */
export function formatVersion(version: bigint): string {
  return `${version / 1_000_000n}.${(version / 1000n) % 1000n}.${version % 1000n}`;
}
