/** A URI that leads nowhere: what is wrong, where, and what was expected. */
export class UriError extends TypeError {
  override readonly name = "UriError";
  /** The text at fault; empty where it is not the text's fault. */
  readonly text: string;
  /** Where in `text` it is wrong, from 0; its length where something is missing. */
  readonly offset: number;

  /** The message shows `text` with a caret below the place. */
  constructor(problem: string, text = "", offset = 0) {
    super(text === "" ? problem : `${problem}\n  ${printable(text)}\n  ${" ".repeat(offset)}^`);
    this.text = text;
    this.offset = offset;
  }
}

/** One column for one character, so that the caret stands below it. */
function printable(text: string): string {
  return text.replace(/[^\x20-\x7E]/g, "?");
}
