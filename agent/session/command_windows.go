package session

import "os/exec"

// killWhole leaves it at the command itself, without what it has started.
func killWhole(*exec.Cmd) {}
