export { type CyrusClientOptions, cyrusClient } from "./client.ts";
export { type CyrusServerOptions, cyrusServer } from "./server.ts";
