import { badArgument, invalidArgument, onlyFlags } from "../failure.ts";
import { baselineCpu } from "../host/cpu-baseline.ts";
import { cpuModelNames } from "../host/cpu-models.ts";
import type { SessionHandlers } from "./session-handlers.ts";
import { listed } from "./wire.ts";

/** virConnectBaselineCPUFlags. */
const EXPAND_FEATURES = 1;

/** CPU models, and what several CPUs have in common. */
export const cpuHandlers: SessionHandlers = {
  connectGetCpuModelNames: ({ arch, needResults, flags }) => {
    onlyFlags(flags, 0, "testConnectGetCPUModelNames");
    const names = cpuModelNames(arch);
    if (names === null) throw invalidArgument(`cannot find architecture ${arch}`);
    const { results, ret } = listed(names, needResults);
    return { models: results, ret };
  },
  connectBaselineCpu: ({ xmlCPUs, flags }) => {
    const api = "virConnectBaselineCPU";
    if (xmlCPUs.length === 0) throw badArgument(`xmlCPUs in ${api} must not be NULL`, api, "xmlCPUs");
    onlyFlags(flags, EXPAND_FEATURES, "testConnectBaselineCPU");
    return { cpu: baselineCpu(xmlCPUs, (flags & EXPAND_FEATURES) !== 0) };
  },
};
