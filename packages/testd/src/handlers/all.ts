import { connectHandlers } from "./connect.ts";
import { cpuHandlers } from "./cpus.ts";
import { domainConfigHandlers } from "./domain-config.ts";
import { domainCpuHandlers } from "./domain-cpus.ts";
import { domainGuestHandlers } from "./domain-guest.ts";
import { domainLifecycleHandlers } from "./domain-lifecycle.ts";
import { domainListHandlers } from "./domain-list.ts";
import { checkpointHandlers, snapshotHandlers } from "./domain-moments.ts";
import { domainStatsHandlers } from "./domain-stats.ts";
import { domainTuningHandlers } from "./domain-tuning.ts";
import { eventHandlers } from "./events.ts";
import { interfaceHandlers } from "./interfaces.ts";
import { networkHandlers } from "./networks.ts";
import { nodeHandlers } from "./node.ts";
import { nodeDeviceHandlers } from "./node-devices.ts";
import { secretHandlers } from "./secrets.ts";
import type { SessionHandlers } from "./session-handlers.ts";
import { storageHandlers } from "./storage.ts";
import { streamHandlers } from "./streams.ts";

/** Everything this daemon can do. */
export const allHandlers: SessionHandlers = {
  ...connectHandlers,
  ...nodeHandlers,
  ...cpuHandlers,
  ...eventHandlers,
  ...domainListHandlers,
  ...domainLifecycleHandlers,
  ...domainConfigHandlers,
  ...domainCpuHandlers,
  ...domainTuningHandlers,
  ...domainGuestHandlers,
  ...domainStatsHandlers,
  ...snapshotHandlers,
  ...checkpointHandlers,
  ...networkHandlers,
  ...storageHandlers,
  ...streamHandlers,
  ...interfaceHandlers,
  ...nodeDeviceHandlers,
  ...secretHandlers,
};
