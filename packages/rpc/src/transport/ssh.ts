import { isatty } from "node:tty";
import type { CommandAddress, SshAddress } from "./address.ts";
import { openCommand } from "./command.ts";
import { sshEnvironment } from "./environment.ts";
import { relayCommand } from "./relay.ts";
import { explainSsh, textInstead } from "./ssh-failure.ts";
import type { Transport } from "./transport.ts";

/** Milliseconds for the first answer: somebody at a terminal may have to find a password first, as sshd allows for. */
const ANSWER_MS = 30_000;
const ANSWER_MS_AT_TERMINAL = 120_000;

/**
 * A connection through the system's ssh, so that everything the user has set up for it holds: ssh_config, jump hosts,
 * agents, known_hosts. Rejects where there is no ssh; all that ssh fails at ends the transport, with what to do.
 */
export function openSsh(address: SshAddress, signal: AbortSignal | undefined): Promise<Transport> {
  const { ssh: host, port, user, path, answerMs = isatty(0) ? ANSWER_MS_AT_TERMINAL : ANSWER_MS } = address;
  const command = { ...sshCommand(address, process.env), answerMs };
  return openCommand(command, signal, {
    name: `ssh ${user === undefined ? "" : `${user}@`}${host}`,
    endpoint: { family: "ssh", name: host },
    explain: (end) => explainSsh(end, { host, port, user, path }),
    refuse: (first) => textInstead(first, host),
  });
}

/** The program, its arguments and environment, as virsh starts it (F084). */
export function sshCommand(
  address: SshAddress,
  environment: Readonly<Record<string, string | undefined>>,
): Required<Pick<CommandAddress, "command" | "args" | "env">> {
  const { ssh: host, port, user, keyfile, program = "ssh", batch = false, verify = true } = address;
  const args = [
    ...(port === undefined ? [] : ["-p", String(port)]),
    ...(user === undefined ? [] : ["-l", user]),
    ...(keyfile === undefined ? [] : ["-i", keyfile]),
    "-T",
    "-e",
    "none",
    ...(batch ? ["-o", "BatchMode=yes"] : []),
    ...(verify ? [] : ["-o", "StrictHostKeyChecking=no"]),
    "--",
    host,
    relayCommand(address),
  ];
  return { command: program, args, env: sshEnvironment(environment) };
}
