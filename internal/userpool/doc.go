// Package userpool is an Amazon Cognito user pool in a process: the JSON API and
// the managed login with its OAuth 2.0 endpoints over HTTP, strict. `cogtok demo`
// signs in to it, tests use it in place of AWS.
//
//	server := userpool.New(userpool.Config{})
//	pool := server.AddPool(userpool.PoolConfig{ID: "us-east-1_AbCdEf123"})
//	client := pool.AddClient(userpool.Client{Flows: []string{"ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"}})
//	pool.AddUser(userpool.User{Username: "rob", Email: "rob@example.com", Password: "Correct horse 9"})
//	url, err := server.Start("127.0.0.1:0") // an endpoint for the AWS SDKs
//	defer server.Close()
//
// A pool gets its managed login by a domain, which has an address of its own:
//
//	pool.AddClient(userpool.Client{
//		OAuthFlows: []string{"code"}, OAuthScopes: []string{"openid", "email"},
//		CallbackURLs: []string{"http://localhost:8400/callback"},
//	})
//	domain, err := pool.StartDomain("127.0.0.1:0") // domain + "/oauth2/authorize" and so on
//
// # What is strict
//
// It refuses what AWS refuses, with AWS's exception names and texts: flows that
// the app client doesn't allow; ADMIN_* flows through InitiateAuth and
// USER_PASSWORD_AUTH through AdminInitiateAuth; a SECRET_HASH that is wrong,
// missing, sent without need, or over an alias where the username belongs;
// unsigned or wrongly signed Admin* operations; wrong SRP proofs and timestamps;
// wrong passwords, with the lock-out after five; Sessions that were answered,
// expired or belong to somebody else; TOTP codes that were used; refresh tokens
// that are expired, revoked, another client's, or were rotated away;
// REFRESH_TOKEN_AUTH with rotation; members of a wrong type, missing or against
// the API model's constraints. Members that the model doesn't have are ignored.
//
// Choice-based sign-in (USER_AUTH) offers what the pool allows and the user has,
// and codes or passkeys only where no MFA follows. CUSTOM_AUTH runs triggers that
// are functions (PoolConfig.Custom). A pool that tracks devices ties each refresh
// token to the device of its sign-in: it refuses a device that isn't confirmed,
// another one or none, and all refreshing after an ADMIN_ flow; a remembered
// device has to prove itself. Codes to reset a password or to confirm a sign-up
// end by time, by a newer code and after a handful of tries. Users who don't exist
// get made-up answers, always the same ones for a name, where the app client
// hides who exists.
//
// A domain refuses likewise: redirect URLs that aren't registered character by
// character; scopes that the client doesn't have; PKCE other than S256, or half
// of it; codes that were used, which ends what they gave, or are older than five
// minutes, another client's, or lack their verifier; bodies that aren't forms,
// and forms of other sites; client secrets that are wrong, missing or not due. A
// browser stays signed in for an hour, however much it is used. Federated users
// sign in there alone, on a page that stands in for their identity provider.
//
// Where AWS's behaviour is known only from users' reports, the stricter report
// is followed; where a text isn't known at all, a comment says so.
//
// # What is left out
//
// Attribute changes through the API, Lambda triggers but those of CUSTOM_AUTH,
// passkeys beyond their challenge, which nobody can answer, the Session that
// ConfirmSignUp gives to USER_AUTH, ForceAliasCreation, account recovery settings
// but the default ones, the Admin* operations on devices and users, password
// history, quotas. Of managed login: sign-up, password reset, passkeys and codes
// as first factors, the implicit flow, resource indicators (RFC 8707), languages,
// TLS and custom domains. Nothing is kept when the process ends.
package userpool
