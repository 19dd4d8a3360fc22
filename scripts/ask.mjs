// Asks a person at the terminal for what a login needs: `auth: { ask }`. What is secret is not shown while it is typed.
import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";

const questions = { authname: "User", username: "Act as", passphrase: "Password", realm: "Realm" };
const hidden = ["passphrase", "noechoprompt"];

/** The answer, or `null` where nobody sits at a terminal, and for an empty one. */
export async function ask({ kind, prompt, fallback }, signal) {
  if (!process.stdin.isTTY) return null;
  const question = `${prompt ?? questions[kind] ?? kind}${fallback === null ? "" : ` [${fallback}]`}: `;
  const isHidden = hidden.includes(kind);
  if (isHidden) process.stderr.write(question);
  const output = isHidden ? new Writable({ write: (_chunk, _encoding, done) => done() }) : process.stderr;
  const lines = createInterface({ input: process.stdin, output, terminal: true });
  try {
    const answer = await lines.question(isHidden ? "" : question, { signal });
    return answer === "" ? null : answer;
  } finally {
    lines.close();
    if (isHidden) process.stderr.write("\n");
  }
}
