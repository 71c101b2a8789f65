// Package compat holds cogtok against servers and clients that others wrote: a
// misunderstanding that our client and our own pool share can't hide here.
// There is nothing but tests in it.
package compat
