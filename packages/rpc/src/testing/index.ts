export { memoryPair } from "../transport/memory.ts";
