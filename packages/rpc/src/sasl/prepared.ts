import { SaslError } from "./sasl-error.ts";

const PRINTABLE_ASCII = /^[ -~]*$/;

/**
 * A user name or password in the form in which it is compared (SASLprep, RFC 4013). Plain ASCII stays what it is, and
 * only for other text is the table of characters loaded. Rejects with {@link SaslError} for what is not allowed; the error
 * says which of the two it is, `what`, and not what it reads.
 */
export async function prepared(text: string, what: string): Promise<string> {
  const result = PRINTABLE_ASCII.test(text) ? text : await normalised(text, what);
  if (result === "") throw new SaslError(`the ${what} is empty`);
  return result;
}

async function normalised(text: string, what: string): Promise<string> {
  const { default: saslprep } = await import("@mongodb-js/saslprep");
  try {
    return saslprep(text);
  } catch {
    // What the library says cites the text.
    throw new SaslError(`the ${what} has characters that SASLprep (RFC 4013) does not allow`);
  }
}
