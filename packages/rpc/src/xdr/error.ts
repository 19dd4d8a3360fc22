/** Where in the bytes, and where in the value, a codec met its fault. */
export interface XdrErrorPlace {
  /** Bytes from the start of the payload. */
  readonly offset: number;
  /** Field path such as `remote_domain_create_xml_args.xmlDesc` or `params[3].value`; empty when not known. */
  readonly path?: string;
  readonly cause?: unknown;
}

/**
 * Bytes that are not what their type promises, or a value too large for its type's limit. The message says what was
 * expected, what came, and where.
 */
export class XdrError extends Error {
  override readonly name = "XdrError";
  readonly offset: number;
  readonly path: string;
  /** The complaint alone, without its place. */
  readonly detail: string;

  constructor(detail: string, place: XdrErrorPlace) {
    const path = place.path ?? "";
    super(
      `${detail} at byte ${place.offset}${path === "" ? "" : ` of ${path}`}`,
      place.cause === undefined ? undefined : { cause: place.cause },
    );
    this.detail = detail;
    this.offset = place.offset;
    this.path = path;
  }
}
