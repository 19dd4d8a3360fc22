/* A child: a server whose events go to many. Argument: how it sends them. */
import net from "node:net";
import { EventCallbacks, Server, type ServerClient, SharedEvent } from "virnet/server";
import { answerQuestions } from "../calls/child.ts";
import type { Place } from "../calls/contender.ts";
import { listening } from "../calls/pipe.ts";
import { Events, Happened, happening } from "./event-program.ts";

/** `shared`: encoded once; `emit`: for each anew; `node:net`: the same bytes written to bare sockets, the yardstick. */
export type PublisherName = "shared" | "emit" | "node:net";

export type PublisherQuestion =
  | { readonly ask: "serve"; readonly place: Place }
  /** Publishes so many events, each as soon as the one before has been handed over, or so often. Gives microseconds of CPU. */
  | { readonly ask: "publish"; readonly events: number; readonly every: number };

interface Publisher {
  readonly listen: (place: Place) => Promise<unknown>;
  readonly publish: () => void;
}

const publisher = publisherOf(process.argv[2] as PublisherName);

answerQuestions((question: PublisherQuestion) => {
  switch (question.ask) {
    case "serve":
      return publisher.listen(question.place).then(() => true);
    case "publish":
      return publish(question.events, question.every);
  }
});

async function publish(events: number, every: number): Promise<number> {
  const before = cpu();
  for (let i = 0; i < events; i++) {
    publisher.publish();
    await (every === 0 ? turn() : new Promise((resolve) => setTimeout(resolve, every)));
  }
  return cpu() - before;
}

function cpu(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

function publisherOf(name: PublisherName): Publisher {
  if (name === "node:net") return bare();
  const clients = new Set<ServerClient>();
  const callbacks = new EventCallbacks();
  const server = new Server({ name: "bench", limits: { clients: 20_000, queuedBytes: 2 ** 30 } }).add(Events, {
    watch(_, call) {
      callbacks.register(call, "all");
      clients.add(call.client);
    },
  });
  return {
    listen: (place) => server.listen(place, { backlog: 4096 }),
    publish() {
      if (name !== "emit") callbacks.publish("all", "", Happened, happening);
      else for (const client of clients) client.emit(Happened, happening(0));
    },
  };
}

/** Writes the message once, and sends it to every socket that has asked. */
function bare(): Publisher {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    socket.on("error", () => {}).on("close", () => sockets.delete(socket));
    // The answer is as long as that of a call.
    socket.on("data", (call) => {
      sockets.add(socket);
      socket.write(call);
    });
  });
  return {
    listen: (place) => listening(server, place),
    publish() {
      const { frame } = new SharedEvent(Happened, happening(0));
      for (const socket of sockets) socket.write(frame);
    },
  };
}
