package cli

import "testing"

// The thin client hands over an error that the agent has answered: it is
// reported as it is, without another call.
func TestAgentError(t *testing.T) {
	w := newWorld(t)
	const failure = `--agent-error={"code":7,"message":"wrong password\u001b[2J","data":{"kind":"wrong_password","hint":"run: cogtok login prod"}}`
	w.expect(result{"", "cogtok: wrong password�[2J\ncogtok: hint: run: cogtok login prod\n", 7}, failure, "token", "prod")
	w.expect(result{"", "cogtok: there is no flag --agent-error\ncogtok: hint: see: cogtok help headers\n", 2}, failure, "headers", "prod")
	w.expect(result{"", "cogtok: the agent's answer could not be understood\ncogtok: hint: run: cogtok agent restart\n", 4}, "--agent-error=nonsense", "token")
}
