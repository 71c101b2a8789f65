package main

import "golang.org/x/sys/unix"

// hide keeps other processes of the user from reading this one's memory,
// environment and descriptors, and from attaching to it; see
// PR_SET_DUMPABLE(2const) and ptrace(2).
//
// PR_SET_NO_NEW_PRIVS is not for the agent: passphrase_command and the
// credential_process of ~/.aws may be programs that are setgid by design, such
// as 1Password's op, or sudo.
func hide() { _ = unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0) }
