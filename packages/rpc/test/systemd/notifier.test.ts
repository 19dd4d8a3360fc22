import { describe, expect, it } from "vitest";
import { type Notifier, systemdNotifier } from "../../src/systemd/notifier.ts";
import { until } from "../helpers/turns.ts";

const env = { NOTIFY_SOCKET: "/run/notify" };

function heard(variables: Record<string, string> = env): { notifier: Notifier; said: string[]; errors: unknown[] } {
  const said: string[] = [];
  const errors: unknown[] = [];
  const notifier = systemdNotifier({
    env: variables,
    unix: { sendDatagram: (path, bytes) => void said.push(`${path} ${new TextDecoder().decode(bytes)}`) },
    onError: (error) => errors.push(error),
  });
  if (notifier === null) throw new Error("no notifier");
  return { notifier, said, errors };
}

describe("a service manager", () => {
  it("hears of every turn in a service's life, in order", async () => {
    const { notifier, said } = heard();
    void notifier.ready("listening");
    void notifier.status("two\nlines");
    void notifier.reloading();
    void notifier.ready();
    await notifier.stopping();
    expect(said).toEqual([
      "/run/notify READY=1\nSTATUS=listening",
      "/run/notify STATUS=two lines",
      expect.stringMatching(/^\/run\/notify RELOADING=1\nMONOTONIC_USEC=\d+$/),
      "/run/notify READY=1",
      "/run/notify STOPPING=1",
    ]);
  });

  it("that wants to hear nothing costs nothing", () => {
    expect(systemdNotifier({ env: {} })).toBeNull();
    expect(systemdNotifier({ env: { NOTIFY_SOCKET: "" } })).toBeNull();
  });

  it("that can't be reached stops nobody", async () => {
    const errors: unknown[] = [];
    const unix = {
      sendDatagram: () => {
        throw new Error("gone");
      },
    };
    const notifier = systemdNotifier({ env, unix, onError: (error) => errors.push(error) });
    await notifier?.ready();
    await notifier?.stopping();
    expect(errors).toEqual([new Error("gone"), new Error("gone")]);
  });

  it.each([
    [{ NOTIFY_SOCKET: "relative" }, 'NOTIFY_SOCKET is "relative"'],
    [{ NOTIFY_SOCKET: "@" }, 'NOTIFY_SOCKET is "@"'],
    [{ ...env, WATCHDOG_USEC: "soon" }, 'WATCHDOG_USEC is "soon"'],
    [{ ...env, WATCHDOG_USEC: "0" }, 'WATCHDOG_USEC is "0"'],
  ])("whose variables are %j is refused", (variables, words) => {
    expect(() => systemdNotifier({ env: variables })).toThrow(words);
  });
});

describe("a watchdog", () => {
  const watched = { ...env, WATCHDOG_USEC: "20000", WATCHDOG_PID: String(process.pid) };

  it("gets signs of life until that ends", async () => {
    const { notifier, said } = heard(watched);
    const stop = notifier.startWatchdog();
    await until(() => said.length === 3);
    stop();
    expect(new Set(said)).toEqual(new Set(["/run/notify WATCHDOG=1"]));
  });

  it("gets none while the service is not well", async () => {
    const { notifier, said, errors } = heard(watched);
    let asked = 0;
    const stop = notifier.startWatchdog(async () => {
      if (asked++ === 1) throw new Error("ill");
      return asked > 3;
    });
    await until(() => said.length === 1);
    stop();
    expect(asked).toBeGreaterThan(3);
    expect(errors).toEqual([new Error("ill")]);
  });

  it("is absent unless the unit has one, and for another process", () => {
    for (const variables of [env, { ...watched, WATCHDOG_PID: "1" }]) heard(variables).notifier.startWatchdog()();
  });
});
