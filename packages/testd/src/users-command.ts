import { createInterface } from "node:readline/promises";
import { Writable } from "node:stream";
import { listUsers, removeUser, type ScramName, setUser } from "virnet/sasl";

/** What is to be done with a file of users. */
export type UsersAction =
  | {
      readonly kind: "add";
      readonly file: string;
      readonly user: string;
      readonly mechanisms: readonly ScramName[] | null;
    }
  | { readonly kind: "remove"; readonly file: string; readonly user: string }
  | { readonly kind: "list"; readonly file: string };

/** Does it. The password of a new user is the first line of standard input; a terminal is asked, and shows nothing of it. */
export async function changeUsers(action: UsersAction): Promise<string> {
  if (action.kind === "list") return (await listUsers(action.file)).map((user) => `${user}\n`).join("");
  const { file, user } = action;
  if (action.kind === "remove") {
    if (await removeUser(file, user)) return `removed ${user}\n`;
    throw new Error(`${file} has no user ${user}`);
  }
  const { mechanisms } = action;
  await setUser(file, user, await readPassword(user), mechanisms === null ? {} : { mechanisms });
  return `${user} can log in\n`;
}

async function readPassword(user: string): Promise<string> {
  const { stdin, stderr } = process;
  if (!stdin.isTTY) {
    for await (const line of createInterface({ input: stdin })) return line;
    throw new Error("no password on standard input");
  }
  stderr.write(`Password of ${user}: `);
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: stdin, output: nowhere, terminal: true });
  try {
    return await lines.question("");
  } finally {
    lines.close();
    stderr.write("\n");
  }
}
