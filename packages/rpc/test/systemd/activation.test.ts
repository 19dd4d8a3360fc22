import { describe, expect, it } from "vitest";
import { activatedSockets, onlyNamed } from "../../src/systemd/activation.ts";

const env = (count: string, names?: string, pid = "42"): Record<string, string> => ({
  LISTEN_PID: pid,
  LISTEN_FDS: count,
  ...(names !== undefined && { LISTEN_FDNAMES: names }),
});

describe("sockets of the service manager", () => {
  it("are those that were passed to this process, by name", () => {
    expect(activatedSockets(env("2", "unix:tcp"), 42)).toEqual([
      { name: "unix", fd: 3 },
      { name: "tcp", fd: 4 },
    ]);
    expect(activatedSockets(env("1"), 42)).toEqual([{ name: "unknown", fd: 3 }]);
    expect(activatedSockets(env("0"), 42)).toEqual([]);
    expect(activatedSockets(env("0", ""), 42)).toEqual([]);
  });

  it("are none for a process that was started otherwise, or that another was meant for", () => {
    expect(activatedSockets({}, 42)).toEqual([]);
    expect(activatedSockets({ LISTEN_FDS: "1" }, 42)).toEqual([]);
    expect(activatedSockets(env("1", "unix", "43"), 42)).toEqual([]);
    expect(activatedSockets()).toEqual([]);
  });

  it("are 1024 at the most", () => {
    expect(activatedSockets(env("1024"), 42)).toHaveLength(1024);
    expect(() => activatedSockets(env("1025"), 42)).toThrow('LISTEN_FDS is "1025", expected a number up to 1024');
  });

  it.each([
    [env("one"), 'LISTEN_FDS is "one"'],
    [env("-1"), 'LISTEN_FDS is "-1"'],
    [env("1.5"), 'LISTEN_FDS is "1.5"'],
    [env(""), 'LISTEN_FDS is ""'],
    [env("1", "a", "me"), 'LISTEN_PID is "me"'],
    [env("2", "unix"), "LISTEN_FDNAMES has 1 names, but LISTEN_FDS says 2"],
    [env("1", "unix:tcp"), "LISTEN_FDNAMES has 2 names, but LISTEN_FDS says 1"],
  ])("are refused when %j", (variables, words) => {
    expect(() => activatedSockets(variables, 42)).toThrow(words);
  });

  it("of other names than expected are refused", () => {
    const sockets = activatedSockets(env("2", "unix:tpc"), 42);
    expect(onlyNamed(sockets, ["unix", "tpc"])).toEqual(sockets);
    expect(() => onlyNamed(sockets, ["unix", "tcp"])).toThrow('socket 4 of the service manager is named "tpc"');
  });
});
