import { isatty } from "node:tty";
import { expect, it, vi } from "vitest";
import { openCommand } from "../../src/transport/command.ts";
import { ConnectionError } from "../../src/util/connection-error.ts";
import { Heard } from "../helpers/socket-peer.ts";
import { until } from "../helpers/turns.ts";

// Tests have no terminal that could go.
vi.mock("node:tty", () => ({ isatty: vi.fn<() => boolean>(() => true) }));

it.runIf(process.platform !== "win32")(
  "a program that was started at a terminal ends though that has gone",
  async () => {
    const transport = await openCommand({ command: "sh", args: ["-c", "echo $$; exec sleep 323"] }, undefined);
    const heard = new Heard(transport);
    await until(() => heard.text.endsWith("\n"));
    vi.mocked(isatty).mockReturnValue(false);
    transport.destroy(new ConnectionError("enough", "protocol"));
    await heard.whenClosed();
    expect(() => process.kill(Number(heard.text), 0)).toThrow("ESRCH");
  },
);
