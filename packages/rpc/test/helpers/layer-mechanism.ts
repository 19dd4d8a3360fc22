import type { SaslExchange, SaslStep } from "../../src/sasl/mechanism.ts";
import { SaslError } from "../../src/sasl/sasl-error.ts";
import { TestLayer } from "./layer.ts";
import { bytes, text } from "./sasl.ts";

const NAME = "TEST-LAYER";

/** A mechanism with a layer for a client: says its name, and hears "welcome". */
export function layerClient(user: string, ssf = 128, maxPlain = 4096) {
  const layers: TestLayer[] = [];
  return { layers, provider: provider(layers, () => [bytes(user), null], user, ssf, maxPlain) };
}

/** The same for a server, which lets everybody in but "mallory". */
export function layerServer(ssf = 128, maxPlain = 4096) {
  const layers: TestLayer[] = [];
  return { layers, provider: provider(layers, undefined, "", ssf, maxPlain) };
}

function provider(
  layers: TestLayer[],
  lines: (() => (Uint8Array | null)[]) | undefined,
  user: string,
  ssf: number,
  maxPlain: number,
) {
  const end = (output: Uint8Array | null, who: string, wanted: number): SaslStep => {
    if (wanted === 0) return { done: true, output, user: who, layer: null, ssf: 0 };
    const layer = new TestLayer(maxPlain);
    layers.push(layer);
    return { done: true, output, user: who, layer, ssf };
  };
  return {
    mechanisms: async () => [NAME],
    start(_name: string, { maxSsf }: { readonly maxSsf: number }): SaslExchange {
      let step = 0;
      return {
        async step(input) {
          if (lines === undefined) {
            const name = text(input) ?? "";
            if (name === "mallory") throw new SaslError("not mallory");
            return end(bytes("welcome"), name, maxSsf);
          }
          const line = lines()[step++] ?? null;
          if (step === 1) return { done: false, output: line };
          if (text(input) !== "welcome") throw new SaslError("no welcome");
          return end(null, user, maxSsf);
        },
        close() {},
      };
    },
  };
}
