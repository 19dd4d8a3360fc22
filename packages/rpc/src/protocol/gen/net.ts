import type { XdrType } from "../../codegenv1.ts";
export interface VirNetMessageNonnullDomain { name: string; uuid: Uint8Array; id: number }
export type VirNetMessageDomain = VirNetMessageNonnullDomain | null;
export interface VirNetMessageNonnullNetwork { name: string; uuid: Uint8Array }
export type VirNetMessageNetwork = VirNetMessageNonnullNetwork | null;
export interface VirNetMessageError { code: number; domain: number; message: string | null; level: number; dom: VirNetMessageDomain; str1: string | null; str2: string | null; str3: string | null; int1: number; int2: number; net: VirNetMessageNetwork }
const M = 4194304;
export const VirNetMessageError: XdrType<VirNetMessageError> = {
  encode(w, v) { w.int(v.code); w.int(v.domain); for (const s of [v.message]) { w.optional(s !== null); if (s !== null) w.string(s, M); } w.int(v.level); w.optional(false); for (const s of [v.str1, v.str2, v.str3]) { w.optional(s !== null); if (s !== null) w.string(s, M); } w.int(v.int1); w.int(v.int2); w.optional(false); },
  decode(r) { const s = () => r.optional() ? r.string(M) : null; return { code: r.int(), domain: r.int(), message: s(), level: r.int(), dom: r.optional() ? { name: r.string(M), uuid: r.fixedOpaque(16), id: r.int() } : null, str1: s(), str2: s(), str3: s(), int1: r.int(), int2: r.int(), net: r.optional() ? { name: r.string(M), uuid: r.fixedOpaque(16) } : null }; },
};
