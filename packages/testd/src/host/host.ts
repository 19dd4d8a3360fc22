/** The host that the test driver pretends to run on. Sizes are in KiB. */
export const HOST = {
  model: "i686",
  memory: 3_145_728n,
  cpus: 16,
  mhz: 1400,
  cells: [
    { id: 0, memory: 2_097_152n, pageSizes: [4, 2048, 1_048_576], firstCpu: 0 },
    { id: 1, memory: 4_194_304n, pageSizes: [8, 2048, 1_048_576], firstCpu: 8 },
  ],
  cpusPerCell: 8,
  sockets: 2,
  coresPerSocket: 2,
  threadsPerCore: 2,
  /** What a guest may have at most. */
  maxVcpus: 32,
  /** CPUs that a guest may be pinned to. */
  guestCpus: 8,
  /** CPUs of the host that are switched on, out of `guestCpus`. */
  onlineCpus: [0, 2, 4],
  securityModel: "testSecurity",
  securityLabel: "libvirt-test",
} as const;
