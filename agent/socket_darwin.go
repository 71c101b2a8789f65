package agent

import "golang.org/x/sys/unix"

// listens makes sure that a socket listens. macOS has SO_ACCEPTCONN in its
// headers, but answers ENOPROTOOPT. So listen(2) is called, once more as a rule:
// it fails for what can't listen, and changes nothing for what does.
func listens(fd int) bool { return unix.Listen(fd, unix.SOMAXCONN) == nil }
