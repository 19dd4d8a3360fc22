/**
 * A stateful stand-in for libvirtd, in memory.
 *
 * @module
 */
export { startTestd, type TcpEndpoint, type Testd, type TestdAddress, type TestdOptions } from "./testd.ts";
