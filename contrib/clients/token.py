#!/usr/bin/env python3
"""Print a token of a cogtok profile: token.py PROFILE"""
import getpass, json, os, socket, sys

def send(**message):
    print(json.dumps({"jsonrpc": "2.0", **message}), file=wire, flush=True)

def ask(text, echo, kind, url="", **_):
    if kind == "browser":  # the browser tells the agent when it is done; here nothing is pasted
        return print(text + ":", url, sep="\n", file=sys.stderr) or "\n"
    if sys.stdin.isatty() and not echo:
        return getpass.getpass(text + ": ") + "\n"
    print(text, end=": ", file=sys.stderr, flush=True)
    return sys.stdin.readline()

run, state = os.environ.get("XDG_RUNTIME_DIR"), os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
folder = f"{run}/cogtok" if run else f"{state}/cogtok/run/{socket.gethostname()}"
agent = socket.socket(socket.AF_UNIX)
if agent.connect_ex(os.environ.get("COGTOK_SOCKET") or folder + "/agent.sock"):
    sys.exit(print("no agent; run: cogtok agent start", file=sys.stderr) or 4)
wire = agent.makefile("rw", encoding="utf-8")
send(id=1, method="token", params={"profile": sys.argv[1], "interactive": True})
for message in map(json.loads, wire):
    if message.get("method") == "prompt":
        line = ask(**message["params"])
        send(id=message["id"], **({"result": {"answer": line.rstrip("\n")}} if line else {"error": {"code": 3, "message": "no answer"}}))
    elif "error" in message:
        print(message["error"]["message"], message["error"].get("data", {}).get("hint", ""), sep="\n", file=sys.stderr)
        sys.exit(max(message["error"]["code"], 1))
    elif message.get("id") == 1:
        sys.exit(print(message["result"]["token"]))
sys.exit(print("the agent hung up", file=sys.stderr) or 4)
