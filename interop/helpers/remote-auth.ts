import { Remote } from "@virnet/libvirt/remote";
import type { AuthBinding } from "virnet";

const { authList, authSaslInit, authSaslStart, authSaslStep, authPolkit } = Remote.procedures;

/** libvirt's own procedures for a login. */
export const remoteAuth: AuthBinding = {
  program: Remote,
  list: authList,
  saslInit: authSaslInit,
  saslStart: authSaslStart,
  saslStep: authSaslStep,
  polkit: authPolkit,
};
