// Package torture holds the rigs that show that the agent never lets anybody
// down: they run the real programs against the embedded user pool, do to them
// what goes wrong in life, and return what they have measured. The tests here
// run them small; whoever has more time runs them large.
//
// A program that uses the package calls [Child] first of all.
package torture
