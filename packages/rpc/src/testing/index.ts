export { memoryPair } from "../transport/memory.ts";
export { type Faults, faulty } from "./faults.ts";
export { encodeFrame, type Frame, ScriptedPeer } from "./scripted-peer.ts";
