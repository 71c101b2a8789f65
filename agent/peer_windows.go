package agent

import (
	"unsafe"

	"golang.org/x/sys/windows"
)

// sioGetPeerPID is SIO_AF_UNIX_GETPEERPID of afunix.h.
const sioGetPeerPID = 0x58000100

// socketPeer finds the user of the process at the other end. Windows has no
// SO_PEERCRED and a pid may be used again, so that the access list of the
// socket's directory, which lies in the user's profile, does the real work.
// There is no root: an administrator's processes are other users.
func socketPeer(fd uintptr) (peer, error) {
	var pid, size uint32
	err := windows.WSAIoctl(windows.Handle(fd), sioGetPeerPID, nil, 0,
		(*byte)(unsafe.Pointer(&pid)), uint32(unsafe.Sizeof(pid)), &size, nil, 0)
	if err != nil {
		return peer{}, err
	}
	process, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, pid)
	if err != nil {
		return peer{}, err
	}
	defer windows.CloseHandle(process)
	var token windows.Token
	if err := windows.OpenProcessToken(process, windows.TOKEN_QUERY, &token); err != nil {
		return peer{}, err
	}
	defer token.Close()
	theirs, err := token.GetTokenUser()
	if err != nil {
		return peer{}, err
	}
	ours, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return peer{}, err
	}
	return peer{pid: int(pid), user: theirs.User.Sid.String(), self: theirs.User.Sid.Equals(ours.User.Sid)}, nil
}

// openFilesLimit: Windows has no limit that a process would meet here.
func openFilesLimit() int { return maxConns + reservedFiles }
