import type { AuthBinding } from "virnet";
import { Remote } from "../gen/remote.ts";

const { authList, authSaslInit, authSaslStart, authSaslStep, authPolkit } = Remote.procedures;

/** The procedures by which libvirt's clients log in: 66 to 70 of the remote program. For `new Server({ authBinding })`, too. */
export const remoteAuth: AuthBinding = {
  program: Remote,
  list: authList,
  saslInit: authSaslInit,
  saslStart: authSaslStart,
  saslStep: authSaslStep,
  polkit: authPolkit,
};
