//go:build !windows

package agent

import (
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

func unixPeer(uid, pid int) peer {
	return peer{pid: pid, user: strconv.Itoa(uid), self: uid == os.Geteuid(), root: uid == 0}
}

// openFilesLimit is RLIMIT_NOFILE, which the Go runtime raises to the hard limit.
func openFilesLimit() int {
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil {
		return 256
	}
	return int(min(limit.Cur, maxConns+reservedFiles))
}
