// Package oauth speaks OAuth 2.0 with the domain of a user pool: it finds the
// endpoints (discovery.go), sends a browser to the sign-in page and takes what
// comes back (attempt.go, listener.go, callback.go), and gets, renews and
// revokes tokens (client.go). It knows nothing of profiles and sessions, and
// doesn't look into the tokens.
//
// The endpoints are those of
// https://docs.aws.amazon.com/cognito/latest/developerguide/cognito-userpools-server-contract-reference.html.
// Native apps, RFC 8252, are to listen at any port of the loopback interface;
// Cognito takes callback URLs that are registered with their port and no other.
//
// Any program on the machine can connect to that port. One that opens thousands
// of connections a second costs the others the oldest of those that haven't said
// anything: with maxSilent of them open, a browser has some 30 ms to send its
// request, which is enough as a rule. A fast flood from many processes may still
// keep a browser out; then the address at which it ends can be pasted.
package oauth
