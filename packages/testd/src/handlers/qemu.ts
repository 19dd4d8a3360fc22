import { Qemu, type QemuProcedures } from "@virnet/libvirt/qemu";
import type { Handlers } from "virnet/server";
import type { Daemon } from "../daemon.ts";
import { Code, From, failure, internalError } from "../failure.ts";
import { uuidFromBytes } from "../uuid.ts";
import { unsupportedHandlers } from "./unsupported.ts";

/** The QEMU program: monitor events of those steps in a domain's life that a QEMU would speak of, and nothing else. */
export function qemuHandlers(daemon: Daemon): Handlers<QemuProcedures> {
  return {
    ...unsupportedHandlers(daemon, Qemu),
    connectDomainMonitorEventRegister({ dom, event, flags }, call) {
      const { hypervisor, readOnly } = daemon.session(call.client);
      const api = "virConnectDomainQemuMonitorEventRegister";
      if (readOnly) throw failure(Code.OPERATION_DENIED, From.DOMAIN, `read only access prevents ${api}`);
      // Patterns are not worth their while for three names.
      if (flags !== 0) throw failure(Code.NO_SUPPORT, From.NONE, api);
      const object = dom === null ? null : uuidFromBytes(dom.uuid);
      return { callbackID: hypervisor.events.subscribe(call, "monitor", event ?? "", object) };
    },
    connectDomainMonitorEventDeregister({ callbackID }, { client }) {
      if (daemon.session(client).hypervisor.events.unsubscribe(client, "monitor", callbackID)) return;
      throw internalError(`qemu monitor event callback ${callbackID} not registered`, From.RPC);
    },
  };
}
