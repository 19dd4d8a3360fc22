/** What the conversions need of a stream. */
export interface StreamVerbs extends AsyncIterable<Uint8Array> {
  write(bytes: Uint8Array): Promise<void>;
  finish(): Promise<void>;
  abort(reason?: unknown): Promise<void>;
}

/** Reads nothing ahead: what waits, waits in the stream, where it is counted. */
export function readableOf(stream: StreamVerbs): ReadableStream<Uint8Array> {
  let chunks: AsyncIterator<Uint8Array> | undefined;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        chunks ??= stream[Symbol.asyncIterator]();
        const next = await chunks.next();
        if (next.done === true) controller.close();
        else controller.enqueue(next.value);
      },
      cancel: (reason) => stream.abort(reason),
    },
    { highWaterMark: 0 },
  );
}

export function writableOf(stream: StreamVerbs): WritableStream<Uint8Array> {
  return new WritableStream<Uint8Array>({
    write: (bytes) => stream.write(bytes),
    close: () => stream.finish(),
    abort: (reason) => stream.abort(reason),
  });
}
