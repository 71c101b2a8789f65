// Package cognito signs users in to Amazon Cognito user pools, renews their
// tokens and ends their sessions. It is the only package that knows the AWS
// SDK; the agent sees it as a session.Provider.
//
// A sign-in by the API is a flow (flows.go) and a loop over challenges
// (challenges.go): a flow is a line in the table of flows and a file that begins
// it, a challenge is a line in the table of answerers and a function that
// answers it. A sign-in in a browser, and an app client's own, go to the domain
// of the user pool instead (browser.go, clientcredentials.go), through the
// package oauth below this one. What Cognito says no to becomes an agent.Error in
// two tables (rules.go, oautherrors.go).
//
// The operations are those of
// https://docs.aws.amazon.com/cognito-user-identity-pools/latest/APIReference/.
package cognito
