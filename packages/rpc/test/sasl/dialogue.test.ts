import { expect, it } from "vitest";
import { dialogue } from "../../src/sasl/dialogue.ts";
import { SaslError } from "../../src/sasl/sasl-error.ts";
import { deferred } from "../../src/util/deferred.ts";
import { patient } from "../helpers/sasl.ts";
import { until } from "../helpers/turns.ts";

it.each(["works", "fails"])(
  "a secret that comes to be behind the close is wiped, though the step was given up and %s",
  async (how) => {
    const secret = new Uint8Array(4);
    const { promise: derived, resolve } = deferred<void>();
    const next = async () => {
      await derived;
      secret.fill(7);
      if (how === "fails") throw new SaslError("no");
      return { done: true, value: { user: "alice", output: null } } as const;
    };
    let wipes = 0;
    const exchange = dialogue(
      () => ({ next }),
      () => {
        wipes++;
        secret.fill(0);
      },
    );
    const abort = new AbortController();
    const step = exchange.step(null, abort.signal);
    abort.abort(new Error("gone"));
    await expect(step).rejects.toThrow("gone");
    exchange.close();
    resolve();
    await until(() => wipes === 2);
    expect(secret).toEqual(new Uint8Array(4));
    await expect(exchange.step(null, patient)).rejects.toThrow("out of turn");
  },
);
