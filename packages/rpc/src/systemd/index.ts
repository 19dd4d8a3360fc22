/**
 * Being a service of systemd: sockets that it has opened, and word to it.
 *
 * @module
 */
export { type ActivatedSocket, activatedSockets, onlyNamed } from "./activation.ts";
export { type Notifier, type NotifierOptions, systemdNotifier } from "./notifier.ts";
