// Package e2e tests what users do, with the real programs: scripts in
// testdata/script, and what scripts can't say (crowds, crashes, leaks,
// terminals) in Go. There is nothing but tests in it.
package e2e
