export { MissingPackageError } from "../util/optional-package.ts";
export { type Advertised, type Advertisement, type AdvertiseOptions, advertise } from "./advertise.ts";
export type { BackendName } from "./backend.ts";
export { type BrowseOptions, browse } from "./browse.ts";
export { findService } from "./find.ts";
export type { FoundService, ServiceEvent, ServiceText } from "./service.ts";
export type { ServiceBrowse } from "./service-browse.ts";
export type { UnicastOptions } from "./unicast/browser.ts";
