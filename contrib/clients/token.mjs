// Print a token of a cogtok profile: node token.mjs PROFILE
import { connect } from "node:net";
import { homedir, hostname } from "node:os";
import { createInterface } from "node:readline";

const { COGTOK_SOCKET, XDG_RUNTIME_DIR: run, XDG_STATE_HOME: state = `${homedir()}/.local/state` } = process.env;
const folder = run ? `${run}/cogtok` : `${state}/cogtok/run/${hostname()}`;
const agent = connect(COGTOK_SOCKET || `${folder}/agent.sock`);
const send = (message) => agent.write(JSON.stringify({ jsonrpc: "2.0", ...message }) + "\n");
const fail = (code, ...text) => (console.error(...text), process.exit(Math.max(code, 1)));

function ask(id, { kind, text, echo, url }) {
  if (kind === "browser") { // the browser tells the agent when it is done; here nothing is pasted
    console.error(`${text}:\n${url}`);
    return send({ id, result: { answer: "" } });
  }
  process.stderr.write(text + ": ");
  const terminal = createInterface({ input: process.stdin, output: echo ? process.stderr : undefined, terminal: process.stdin.isTTY });
  const declined = () => send({ id, error: { code: 3, message: "no answer" } });
  terminal.on("close", declined);
  terminal.once("line", (answer) => (terminal.off("close", declined), terminal.close(), send({ id, result: { answer } })));
}

agent.on("error", (e) => fail(4, `no agent (${e.code}); run: cogtok agent start`));
agent.on("close", () => fail(4, "the agent hung up"));
send({ id: 1, method: "token", params: { profile: process.argv[2], interactive: true } });
createInterface({ input: agent }).on("line", (line) => {
  const { id, method, params, error, result } = JSON.parse(line);
  if (method === "prompt") ask(id, params);
  else if (error) fail(error.code, error.message, error.data?.hint ?? "");
  else if (id === 1) process.stdout.write(result.token + "\n", () => process.exit(0));
});
