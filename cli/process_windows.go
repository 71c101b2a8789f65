package cli

import (
	"os"

	"golang.org/x/sys/windows"
)

// processRuns reports whether there is a process with that number.
func processRuns(pid int) bool {
	h, err := windows.OpenProcess(windows.SYNCHRONIZE, false, uint32(pid))
	if err != nil {
		return false
	}
	defer windows.CloseHandle(h)
	event, err := windows.WaitForSingleObject(h, 0)
	return err == nil && event == uint32(windows.WAIT_TIMEOUT)
}

// terminate ends a process. Windows knows no way to ask one without a window.
func terminate(pid int) error { return kill(pid) }

func kill(pid int) error {
	p, err := os.FindProcess(pid)
	if err != nil {
		return err
	}
	return p.Kill()
}

// managesServices: Windows has nothing that makes sockets for others.
func managesServices(int) bool { return false }
