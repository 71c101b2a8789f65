// Command cogtok prints tokens that the agent holds. It does one thing itself,
// the one that is done hundreds of times a day and has to be instant: ask a
// running agent for the token of a profile and print it. For all else (other
// commands, prompts, errors, help, starting the agent) it becomes
// `cogtokd cli`, the full client that lies beside it.
//
// What a program links it pays for at each start, used or not. So this one
// stays on os and syscall; deps_test.go holds the list. The files in the order
// of a call: args.go reads the command line, request.go writes the request,
// connect.go carries it to the agent, reply.go reads the answer, and
// handover_unix.go gives up in favour of the full client.
package main

import "os"

func main() {
	refuseInspection()
	args := os.Args[1:]
	if c, ok := parse(args, os.Environ()); ok {
		r, ok := token(c.socket, c.request())
		if ok {
			os.Exit(c.print(r))
		}
		if r.final() {
			args = append([]string{"--agent-error=" + string(r.failure)}, args...)
		}
	}
	os.Exit(handOver(args))
}

// token sends the request to the agent at the socket. It is false when what came
// back, if anything, isn't a token: the full client then tells the user why. It
// is given an error that is final, so that nothing is tried a second time.
func token(socket string, request []byte) (reply, bool) {
	line, ok := exchange(socket, request)
	if !ok {
		return reply{}, false
	}
	return readReply(line)
}

// print writes the token in the form that was asked for, in one piece, and
// returns the exit status. A reader that hung up ends the program as it ends
// any other in a pipe, by SIGPIPE: os.Stdout sees to that.
func (c call) print(r reply) int {
	line := make([]byte, 0, len(r.header)+len(r.value)+len("Bearer : \n"))
	switch c.output {
	case "bearer":
		line = append(append(line, "Bearer "...), r.token...)
	case "header":
		line = append(append(append(line, r.header...), ": "...), r.value...)
	default:
		line = append(line, r.token...)
	}
	line = append(line, '\n')
	if _, err := os.Stdout.Write(line); err != nil {
		complain("can't write the token: " + err.Error())
		return 1
	}
	if len(r.warning) > 0 && !c.quiet {
		complain(string(r.warning))
	}
	return 0
}

func complain(text string) {
	os.Stderr.WriteString("cogtok: " + text + "\n")
}
