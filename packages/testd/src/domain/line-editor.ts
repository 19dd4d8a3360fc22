import type { RpcStream } from "virnet";

const ENTER = [0x0d, 0x0a];
const BACKSPACE = [0x08, 0x7f];
const CTRL_C = 0x03;
const CTRL_D = 0x04;
const CTRL_L = 0x0c;
const CTRL_U = 0x15;
/** Bytes that a line can hold; further ones ring the bell. */
const MOST = 1024;

/**
 * What sits at the other end of a domain's console: it says back what is typed, understands the keys of a terminal, and
 * answers each line. Ends when the client hangs up, and with Ctrl-D or `exit`.
 */
export async function lineEditor(stream: RpcStream, name: string): Promise<void> {
  const say = (text: string): Promise<void> => stream.write(Buffer.from(text, "latin1"));
  const prompt = `${name}> `;
  await say(`\r\nConsole of ${name}. Type help, or Ctrl-D to leave.\r\n${prompt}`);
  let line: number[] = [];
  for await (const typed of stream) {
    let answer = "";
    for (const byte of typed) {
      if (ENTER.includes(byte)) {
        const command = Buffer.from(line).toString("latin1").trim();
        if (command === "exit") return leave(stream, `${answer}\r\n`);
        answer += `\r\n${answerTo(command, name)}${prompt}`;
        line = [];
      } else if (byte === CTRL_D && line.length === 0) {
        return leave(stream, `${answer}\r\n`);
      } else {
        answer += edit(line, byte, prompt);
      }
    }
    await say(answer);
  }
}

/** Changes the line, and gives what makes the terminal show it. */
function edit(line: number[], byte: number, prompt: string): string {
  if (BACKSPACE.includes(byte)) return line.pop() === undefined ? "\x07" : "\b \b";
  if (byte === CTRL_U) return "\b \b".repeat(line.splice(0).length);
  if (byte === CTRL_C) return line.splice(0).length >= 0 ? `^C\r\n${prompt}` : "";
  if (byte === CTRL_L) return `\x1b[2J\x1b[H${prompt}${Buffer.from(line).toString("latin1")}`;
  if (byte < 0x20 || line.length >= MOST) return "\x07";
  line.push(byte);
  return String.fromCharCode(byte);
}

function answerTo(command: string, name: string): string {
  const [word = ""] = command.split(" ", 1);
  const rest = command.slice(word.length + 1);
  const answers: Readonly<Record<string, string>> = {
    "": "",
    help: "echo TEXT   date   hostname   exit\r\nBackspace, Ctrl-U, Ctrl-C, Ctrl-L and Ctrl-D do what they do in a shell.\r\n",
    echo: `${rest}\r\n`,
    date: `${new Date().toISOString()}\r\n`,
    hostname: `${name}\r\n`,
  };
  return Object.hasOwn(answers, word) ? (answers[word] ?? "") : `${word}: no such command\r\n`;
}

async function leave(stream: RpcStream, text: string): Promise<void> {
  await stream.write(Buffer.from(text, "latin1"));
  stream.finish().catch(() => {}); // the client confirms when it likes
}
