import { createSocket } from "node:dgram";
import { type DnsMessage, decodeMessage, encodeQuery, type Question } from "../dns/message.ts";
import { familyOf } from "../places.ts";
import { lowerAscii } from "../service.ts";

/** Milliseconds that one server has to answer, and how often each is asked. */
const ANSWER_MS = 2000;
const ATTEMPTS = 2;
const DNS_PORT = 53;

/**
 * The answer of the first of `servers` (`address`, `address:port`, `[v6]:port`) that gives one. Rejects when none does,
 * and with the reason of `signal`.
 */
export async function askServers(
  servers: readonly string[],
  question: Question,
  signal: AbortSignal,
): Promise<DnsMessage> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    for (const server of servers) {
      const answer = await askServer(server, question, AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]));
      signal.throwIfAborted();
      if (answer !== undefined) return answer;
    }
  }
  throw new Error(`no name server answers for ${question.name}`);
}

/** A socket of its own for each question, so that its port is as hard to guess as the question's number (RFC 5452 §4.5). */
function askServer(server: string, question: Question, signal: AbortSignal): Promise<DnsMessage | undefined> {
  const { host, port } = parseServer(server);
  const id = Math.floor(Math.random() * 0x1_0000);
  const socket = createSocket(familyOf(host) === 6 ? "udp6" : "udp4");
  return new Promise((resolve) => {
    const finish = (answer?: DnsMessage): void => {
      signal.removeEventListener("abort", stop);
      socket.removeAllListeners("message");
      socket.close();
      resolve(answer);
    };
    const stop = (): void => finish();
    signal.addEventListener("abort", stop, { once: true });
    socket.once("error", stop);
    socket.on("message", (packet) => {
      const answer = answerTo(packet, id, question);
      if (answer !== undefined) finish(answer);
    });
    // Connected, it gets packets of this server only.
    socket.connect(port, host, () => socket.send(encodeQuery([question], [], { id, recursive: true })));
  });
}

function answerTo(packet: Uint8Array, id: number, { name, type }: Question): DnsMessage | undefined {
  try {
    const message = decodeMessage(packet);
    const asked = message.questions[0];
    const matches = asked !== undefined && asked.type === type && lowerAscii(asked.name) === lowerAscii(name);
    return message.isResponse && message.id === id && matches ? message : undefined;
  } catch {
    return undefined; // not an answer to anything
  }
}

function parseServer(server: string): { host: string; port: number } {
  const { v6, v4, port } = /^(?:\[(?<v6>[^\]]+)\]|(?<v4>[^:]+))(?::(?<port>[0-9]+))?$/.exec(server)?.groups ?? {};
  return { host: v6 ?? v4 ?? server, port: port === undefined ? DNS_PORT : Number(port) };
}
