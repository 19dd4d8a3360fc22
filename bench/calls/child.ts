import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** The longest that anything asked of a child may take, unless told. */
const PATIENCE_MS = 60_000;

export interface ChildOptions {
  /** Options of node itself. */
  readonly node?: readonly string[];
  /** Open files that the child may have. */
  readonly files?: number;
}

/** A process of ours that answers one question at a time. */
export class Child implements AsyncDisposable {
  readonly #process: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#process = child;
  }

  /** Starts a file of this directory. */
  static start(file: string, args: readonly string[], { node = [], files }: ChildOptions = {}): Child {
    const command = [process.execPath, ...node, fileURLToPath(new URL(file, import.meta.url)), ...args];
    const shell = files === undefined ? [] : ["sh", "-c", `ulimit -n ${files} && exec "$@"`, "sh"];
    const [program = "", ...rest] = [...shell, ...command];
    return new Child(spawn(program, rest, { stdio: ["ignore", "inherit", "inherit", "ipc"] }));
  }

  /** The answer, which is what `answer` of the child's file gives for this question. */
  async ask<Answer>(question: object, patience: number = PATIENCE_MS): Promise<Answer> {
    const asked = new AbortController();
    const signal = AbortSignal.any([asked.signal, AbortSignal.timeout(patience)]);
    const answer: Promise<unknown[]> = once(this.#process, "message", { signal });
    const gone = once(this.#process, "exit", { signal }).then(() => Promise.reject(new Error("a child has died")));
    this.#process.send(question);
    try {
      const [message] = await Promise.race([answer, gone]);
      // Who asks knows what this child answers to this question.
      return unwrapped(message as Wrapped) as Answer;
    } finally {
      gone.catch(() => {});
      asked.abort();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const exited = once(this.#process, "exit");
    this.#process.kill("SIGKILL");
    await exited;
  }
}

interface Wrapped {
  readonly value?: unknown;
  readonly error?: string;
}

function unwrapped({ value, error }: Wrapped): unknown {
  if (error !== undefined) throw new Error(error);
  return value;
}

/** In the child: answers each question of the parent, and ends with it. */
export function answerQuestions(answer: (question: never) => unknown): void {
  process.on("message", (question) => {
    // The parent is this very program and sends nothing but what this child answers.
    void settle(answer, question as never).then((wrapped) => process.send?.(wrapped));
  });
  process.on("disconnect", () => process.exit());
}

async function settle(answer: (question: never) => unknown, question: never): Promise<Wrapped> {
  try {
    return { value: await answer(question) };
  } catch (error) {
    return { error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}
