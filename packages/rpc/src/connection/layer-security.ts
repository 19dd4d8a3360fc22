/** A security layer of SASL, told as TLS is told. */
export interface LayerSecurity {
  readonly encrypted: boolean;
  readonly protocol: string;
  readonly cipher: string;
  readonly ssf: number;
  readonly peer: null;
  readonly warnings: readonly string[];
}

/** With 1 bit of strength there are signatures, and no secrets. */
export function layerSecurity(ssf: number, mechanism: string): LayerSecurity {
  return { encrypted: ssf > 1, protocol: "SASL", cipher: mechanism, ssf, peer: null, warnings: [] };
}
