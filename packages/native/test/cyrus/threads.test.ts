import { expect, it, vi } from "vitest";
import { Threads } from "../../src/cyrus/threads.ts";

const forEver = new AbortController().signal;

it("leaves a thread to files and DNS, and one to those who need no KDC", async () => {
  const threads = new Threads(4);
  const held = [await threads.take("GSSAPI", forEver), await threads.take("GS2-KRB5", forEver)];
  const third = threads.take("GSS-SPNEGO", forEver);
  const plain = await threads.take("PLAIN", forEver);
  const another = threads.take("SCRAM-SHA-256", forEver);
  expect(await Promise.race([third, another, Promise.resolve("both wait")])).toBe("both wait");
  plain();
  (await another)();
  for (const release of held) release();
  (await third)();
});

it("runs one call of DIGEST-MD5 at a time", async () => {
  const threads = new Threads(4);
  const first = await threads.take("DIGEST-MD5", forEver);
  const second = threads.take("DIGEST-MD5", forEver);
  expect(await Promise.race([second, Promise.resolve("it waits")])).toBe("it waits");
  first();
  (await second)();
});

it("who gives up holds nothing", async () => {
  const threads = new Threads(2);
  const only = await threads.take("PLAIN", forEver);
  const impatience = new AbortController();
  const waiting = threads.take("GSSAPI", impatience.signal);
  impatience.abort(new Error("enough"));
  await expect(waiting).rejects.toThrow("enough");
  only();
  (await threads.take("GSSAPI", forEver))();
});

it.each(["1", "0", "nonsense"])("makes do with a pool of %s", async (size) => {
  vi.stubEnv("UV_THREADPOOL_SIZE", size);
  const threads = new Threads();
  vi.unstubAllEnvs();
  const only = await threads.take("GSSAPI", forEver);
  const next = threads.take("PLAIN", forEver);
  expect(await Promise.race([next, Promise.resolve("it waits")])).toBe("it waits");
  only();
  (await next)();
});
