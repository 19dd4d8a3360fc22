/**
 * An authentication or a security layer failed, on this side's own judgement. The text is for logs of this side: it may
 * name users and mechanisms, never a secret. A server tells its peer nothing of it, but one text for all reasons.
 */
export class SaslError extends Error {
  override readonly name = "SaslError";
}
