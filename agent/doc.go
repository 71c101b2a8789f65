// Package agent says what can be asked of a cogtok agent and how it crosses
// the socket: the [Agent] interface with its requests and results, [Secret]
// and [Error], the JSON-RPC messages and their two framings, [Client] and
// [Server].
//
// Client implements Agent over a connection and session.Keeper implements it
// in the daemon, so that both ends are held to one contract by the compiler.
// docs/protocol.md specifies the wire for programs that are written in other
// languages.
package agent
