/* A whole program: connects to the UNIX socket of its argument, makes one call, and ends. */
import { connect } from "virnet";
import { BenchProgram } from "../bench-program.ts";

await using client = await connect({ path: process.argv[2] ?? "" });
await client.program(BenchProgram).pair({ left: 1, right: 2 });
