// Package session says what the agent holds for each profile and when it
// renews it. [Keeper] implements agent.Agent; a [Provider] talks to Cognito
// and a store.Vault keeps what must survive a restart.
package session
