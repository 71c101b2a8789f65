// Package cognito signs users in to Amazon Cognito user pools, renews their
// tokens and ends their sessions. It is the only package that knows the AWS
// SDK; the agent sees it as a session.Provider.
//
// A sign-in is a flow (flows.go) and a loop over challenges (signin.go): a flow
// is a line in the table of flows and a file that begins it, a challenge is a
// line in the table of answerers and a function that answers it. What Cognito
// says no to becomes an agent.Error in one table (rules.go).
//
// The operations are those of
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/.
package cognito
