// Answers each line of JSON on stdin with one on stdout: one process does for many tests.
import { createInterface } from "node:readline";

export async function serve(answer) {
  console.log = console.error; // stdout is for the answers
  for await (const line of createInterface({ input: process.stdin })) {
    process.stdout.write(JSON.stringify(await answer(JSON.parse(line))) + "\n");
  }
}
