import { internalError, operationInvalid } from "../failure.ts";
import type { Hypervisor } from "../hypervisor.ts";
import { textOf } from "../xml/element.ts";
import type { DomainDefinition } from "./definition.ts";
import { nameInterfaces } from "./devices.ts";
import { type Domain, State } from "./domain.ts";

/** virDomainEventType, with the details that this daemon sends. */
export const Lifecycle = {
  DEFINED_ADDED: [0, 0],
  DEFINED_UPDATED: [0, 1],
  DEFINED_RENAMED: [0, 2],
  UNDEFINED_REMOVED: [1, 0],
  UNDEFINED_RENAMED: [1, 1],
  STARTED_BOOTED: [2, 0],
  STARTED_RESTORED: [2, 2],
  STARTED_FROM_SNAPSHOT: [2, 3],
  SUSPENDED_PAUSED: [3, 0],
  SUSPENDED_FROM_SNAPSHOT: [3, 5],
  RESUMED_UNPAUSED: [4, 0],
  RESUMED_FROM_SNAPSHOT: [4, 2],
  STOPPED_SHUTDOWN: [5, 0],
  STOPPED_DESTROYED: [5, 1],
  STOPPED_CRASHED: [5, 2],
  STOPPED_SAVED: [5, 4],
  STOPPED_FROM_SNAPSHOT: [5, 6],
} as const;
export type Lifecycle = (typeof Lifecycle)[keyof typeof Lifecycle];

/** Reasons of a state (virDomainRunningReason, virDomainPausedReason, virDomainShutoffReason). */
export const Reason = {
  RUNNING_UNKNOWN: 0,
  RUNNING_BOOTED: 1,
  RUNNING_RESTORED: 3,
  RUNNING_FROM_SNAPSHOT: 4,
  RUNNING_UNPAUSED: 5,
  PAUSED_USER: 1,
  PAUSED_DUMP: 4,
  PAUSED_FROM_SNAPSHOT: 7,
  SHUTOFF_UNKNOWN: 0,
  SHUTOFF_SHUTDOWN: 1,
  SHUTOFF_DESTROYED: 2,
  SHUTOFF_CRASHED: 3,
  SHUTOFF_SAVED: 5,
  SHUTOFF_FROM_SNAPSHOT: 7,
} as const;

/** Takes a description in and tells who listens. */
export function define(hypervisor: Hypervisor, definition: DomainDefinition): Domain {
  nameInterfaces(definition);
  const { domain, old } = hypervisor.domains.define(definition);
  tell(hypervisor, domain, old ? Lifecycle.DEFINED_UPDATED : Lifecycle.DEFINED_ADDED);
  return domain;
}

/** Runs a domain that nothing will remember. */
export function create(hypervisor: Hypervisor, definition: DomainDefinition): Domain {
  nameInterfaces(definition);
  const known = hypervisor.domains.byUuid(textOf(definition, "uuid") ?? "");
  const domain = hypervisor.domains.create(definition);
  domain.start(hypervisor.domains.nextId(), State.RUNNING, Reason.RUNNING_BOOTED);
  if (known === null) domain.unconfigure();
  tell(hypervisor, domain, Lifecycle.STARTED_BOOTED);
  return domain;
}

export function start(hypervisor: Hypervisor, domain: Domain): void {
  if (domain.active) throw internalError(`Domain '${domain.name}' is already running`);
  domain.start(hypervisor.domains.nextId(), State.RUNNING, Reason.RUNNING_BOOTED);
  tell(hypervisor, domain, Lifecycle.STARTED_BOOTED);
}

/** Stops a running domain; a transient one is gone with that. */
export function stop(hypervisor: Hypervisor, domain: Domain, reason: number, event: Lifecycle): void {
  const transient = !domain.persistent;
  domain.stop(reason);
  tell(hypervisor, domain, event);
  if (transient) hypervisor.domains.forget(domain);
}

export function destroy(hypervisor: Hypervisor, domain: Domain): void {
  if (!domain.active) throw operationInvalid("domain is not running", FROM_DOMAIN);
  stop(hypervisor, domain, Reason.SHUTOFF_DESTROYED, Lifecycle.STOPPED_DESTROYED);
}

const FROM_DOMAIN = 20;

export function suspend(hypervisor: Hypervisor, domain: Domain): void {
  if (domain.state !== State.RUNNING) throw internalError(`domain '${domain.name}' not running`);
  domain.become(State.PAUSED, Reason.PAUSED_USER);
  tell(hypervisor, domain, Lifecycle.SUSPENDED_PAUSED);
}

export function resume(hypervisor: Hypervisor, domain: Domain): void {
  if (domain.state !== State.PAUSED) throw internalError(`domain '${domain.name}' not paused`);
  domain.become(State.RUNNING, Reason.RUNNING_UNPAUSED);
  tell(hypervisor, domain, Lifecycle.RESUMED_UNPAUSED);
}

/** What the guest's own shutdown leads to is the description's choice (`on_poweroff`). */
export function shutdown(hypervisor: Hypervisor, domain: Domain): void {
  if (!domain.active) throw internalError(`domain '${domain.name}' not running`);
  leave(hypervisor, domain, "on_poweroff");
}

export function reboot(hypervisor: Hypervisor, domain: Domain): void {
  if (!domain.active) throw operationInvalid("domain is not running", FROM_DOMAIN);
  leave(hypervisor, domain, "on_reboot");
}

function leave(hypervisor: Hypervisor, domain: Domain, setting: "on_poweroff" | "on_reboot"): void {
  const action = textOf(domain.current, setting);
  if (action === "restart" || action === "rename-restart") {
    domain.become(State.RUNNING, Reason.RUNNING_BOOTED);
    return;
  }
  stop(hypervisor, domain, Reason.SHUTOFF_SHUTDOWN, Lifecycle.STOPPED_SHUTDOWN);
}

export function reset(domain: Domain): void {
  domain.running();
}

/** Removes the configuration; a running domain goes on as a transient one. */
export function undefine(hypervisor: Hypervisor, domain: Domain): void {
  tell(hypervisor, domain, Lifecycle.UNDEFINED_REMOVED);
  if (domain.active) domain.unconfigure();
  else hypervisor.domains.forget(domain);
}

export function rename(hypervisor: Hypervisor, domain: Domain, name: string): void {
  if (name === domain.name) throw operationInvalid("Can't rename domain to itself", FROM_DOMAIN);
  if (hypervisor.domains.byName(name) !== null) {
    throw operationInvalid(`domain with name '${name}' already exists`, FROM_DOMAIN);
  }
  tell(hypervisor, domain, Lifecycle.UNDEFINED_RENAMED);
  domain.rename(name);
  tell(hypervisor, domain, Lifecycle.DEFINED_RENAMED);
}

export function tell(hypervisor: Hypervisor, domain: Domain, [event, detail]: Lifecycle): void {
  hypervisor.events.domainLifecycle(domain.handle, event, detail);
}
