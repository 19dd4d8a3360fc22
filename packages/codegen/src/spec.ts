import type { Annotations } from "./annotations.ts";
import type { Doc } from "./doc.ts";
import type { Span } from "./source.ts";
import type { Scalar } from "./syntax.ts";

/**
 * What the `.x` files of one compile mean: names looked up, constants computed, typedefs seen through. It knows
 * neither how that was written nor what is made of it.
 */
export interface Spec {
  readonly modules: readonly Module[];
}

/** One `.x` file. */
export interface Module {
  /** `echo` for `echo.x`. */
  readonly name: string;
  readonly doc: Doc;
  /** In the order of the file. */
  readonly items: readonly Item[];
  readonly programs: readonly ProgramSpec[];
}

export type Item = ConstItem | EnumItem | AliasItem | StructItem | UnionItem;

interface Named {
  /** The name in the `.x` file. */
  readonly name: string;
  readonly doc: Doc;
  readonly span: Span;
}

export interface ConstItem extends Named {
  readonly kind: "const";
  /** Of 64 bits, signed or unsigned. */
  readonly value: bigint;
  /** How the file writes it. */
  readonly text: string;
}

export interface EnumItem extends Named {
  readonly kind: "enum";
  readonly members: readonly EnumMember[];
}

export interface EnumMember extends Named {
  /** A signed 32-bit integer (RFC 4506 §4.3). */
  readonly value: number;
}

export interface AliasItem extends Named {
  readonly kind: "alias";
  readonly type: Type;
}

export interface StructItem extends Named {
  readonly kind: "struct";
  readonly fields: readonly Field[];
}

export interface Field extends Named {
  readonly type: Type;
}

export interface UnionItem extends Named {
  readonly kind: "union";
  readonly discriminant: Field & { readonly type: DiscriminantType };
  readonly arms: readonly Arm[];
  readonly fallback: Arm | null;
}

export interface Arm {
  /** Empty for the default arm. */
  readonly labels: readonly Label[];
  /** `null` for `void`. */
  readonly field: Field | null;
  readonly doc: Doc;
}

export interface Label {
  readonly value: number;
  /** How the file writes it: often a constant's name. */
  readonly text: string;
}

export type ScalarType = { readonly kind: "scalar"; readonly scalar: Scalar };

/** A type with a name of its own, defined in `module`. */
export type ReferenceType = {
  readonly kind: "struct" | "union" | "enum";
  readonly name: string;
  readonly module: string;
};

export type DiscriminantType = ScalarType | (ReferenceType & { readonly kind: "enum" });

/** A typedef never stands here: it is what it names. Limits and sizes are at most 4294967295. */
export type Type =
  | ScalarType
  | ReferenceType
  | { readonly kind: "string"; readonly max: number }
  | { readonly kind: "opaque"; readonly max: number }
  | { readonly kind: "fixedOpaque"; readonly size: number }
  | { readonly kind: "chars"; readonly max: number }
  | { readonly kind: "fixedChars"; readonly size: number }
  /** `itemSize`: the least bytes an item takes. */
  | { readonly kind: "counted"; readonly item: Type; readonly max: number; readonly itemSize: number }
  | { readonly kind: "fixed"; readonly item: Type; readonly size: number }
  | { readonly kind: "optional"; readonly item: Type };

export interface ProgramSpec {
  /** `ECHO` for `ECHO_PROGRAM`. */
  readonly name: string;
  readonly number: number;
  readonly version: number;
  readonly doc: Doc;
  readonly span: Span;
  readonly procedures: readonly ProcedureSpec[];
}

export interface ProcedureSpec {
  readonly number: number;
  /** `ECHO_PROC_SAY`. */
  readonly id: string;
  /** `SAY`. */
  readonly name: string;
  readonly args: TypeName | null;
  readonly ret: TypeName | null;
  /** What an event carries; then `args` and `ret` are `null`. */
  readonly msg: TypeName | null;
  readonly annotations: Annotations;
  /** The comment without its annotations. */
  readonly doc: Doc;
  readonly span: Span;
}

/** A type of which the codec is wanted by name. */
export interface TypeName {
  readonly name: string;
  readonly module: string;
}
