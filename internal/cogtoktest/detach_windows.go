package cogtoktest

import "os/exec"

func detachFromTerminal(*exec.Cmd) {}
