/** A file of ours that can't be used: which, against what rule, and what to do. */
export class CredentialsError extends TypeError {
  override readonly name = "CredentialsError";
  readonly file: string;
  readonly rule: string;
  readonly fix: string;

  constructor(file: string, rule: string, problem: string, fix: string, options?: { cause?: unknown }) {
    super(`${file}: ${problem} (${rule}); ${fix}`, options);
    this.file = file;
    this.rule = rule;
    this.fix = fix;
  }
}
