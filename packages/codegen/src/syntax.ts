import type { Doc } from "./doc.ts";
import type { PassThrough } from "./lexer.ts";
import type { Source, Span } from "./source.ts";

/** A `.x` file as it is written: names are not looked up yet. */
export interface Unit {
  readonly source: Source;
  readonly doc: Doc;
  readonly definitions: readonly Definition[];
  readonly passThrough: readonly PassThrough[];
}

export interface Name {
  readonly text: string;
  readonly span: Span;
}

/** A number as written, or the name of a constant. */
export type Value =
  | { readonly kind: "number"; readonly value: bigint; readonly text: string; readonly span: Span }
  | { readonly kind: "constant"; readonly name: string; readonly span: Span };

export type Definition = ConstSyntax | EnumSyntax | TypedefSyntax | StructSyntax | UnionSyntax;

export interface ConstSyntax {
  readonly kind: "const";
  readonly name: Name;
  readonly value: Value;
  readonly doc: Doc;
}

export interface EnumSyntax {
  readonly kind: "enum";
  readonly name: Name;
  readonly members: readonly EnumMemberSyntax[];
  readonly doc: Doc;
}

export interface EnumMemberSyntax {
  readonly name: Name;
  readonly value: Value;
  readonly doc: Doc;
}

export interface TypedefSyntax extends DeclarationSyntax {
  readonly kind: "typedef";
}

export interface StructSyntax {
  readonly kind: "struct";
  readonly name: Name;
  readonly fields: readonly DeclarationSyntax[];
  readonly doc: Doc;
}

export interface UnionSyntax {
  readonly kind: "union";
  readonly name: Name;
  readonly discriminant: DeclarationSyntax;
  readonly arms: readonly ArmSyntax[];
  readonly fallback: ArmSyntax | null;
  readonly doc: Doc;
}

export interface ArmSyntax {
  /** Empty for the default arm. */
  readonly labels: readonly Value[];
  /** `null` for `void`. */
  readonly declaration: DeclarationSyntax | null;
  readonly span: Span;
  readonly doc: Doc;
}

export interface DeclarationSyntax {
  readonly name: Name;
  readonly type: TypeSyntax;
  readonly doc: Doc;
}

export type Scalar =
  | "int"
  | "uint"
  | "hyper"
  | "uhyper"
  | "float"
  | "double"
  | "bool"
  | "char"
  | "uchar"
  | "short"
  | "ushort";

/** `limit` is `null` for `<>`. */
export type TypeSyntax =
  | { readonly kind: "scalar"; readonly scalar: Scalar; readonly span: Span }
  | { readonly kind: "named"; readonly name: Name; readonly span: Span }
  | { readonly kind: "string"; readonly limit: Value | null; readonly span: Span }
  | { readonly kind: "opaque"; readonly limit: Value | null; readonly span: Span }
  | { readonly kind: "fixedOpaque"; readonly size: Value; readonly span: Span }
  | { readonly kind: "counted"; readonly item: TypeSyntax; readonly limit: Value | null; readonly span: Span }
  | { readonly kind: "fixed"; readonly item: TypeSyntax; readonly size: Value; readonly span: Span }
  | { readonly kind: "optional"; readonly item: TypeSyntax; readonly span: Span };
