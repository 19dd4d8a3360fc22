export { loadUnix } from "./unix.ts";
