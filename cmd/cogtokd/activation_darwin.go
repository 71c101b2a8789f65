package main

import (
	"flag"
	"os"
	"syscall"
	"unsafe"
)

// An activation says how to get at a socket that launchd has made: by the name
// that the LaunchAgent has for it. Only the LaunchAgent's own flag counts. The
// environment says nothing: a terminal is a job of launchd's too, and an agent
// that is started in one has inherited XPC_SERVICE_NAME.
type activation struct{ name string }

func (a *activation) addFlags(set *flag.FlagSet) {
	set.StringVar(&a.name, "launchd-socket", "", "the `name` of the socket that launchd has made, as in the LaunchAgent")
}

// handedSocket returns the socket that launchd has made for this very process;
// nil: there is none.
func (a activation) handedSocket() (*os.File, error) {
	if a.name == "" {
		return nil, nil
	}
	return launchdSocket(a.name, launchActivateSocket)
}

// launchActivateSocket is launch_activate_socket(3). It is called without cgo, as
// golang.org/x/sys/unix calls libSystem: the linker imports the C function,
// activation_darwin.s has its address, and package syscall calls it.
func launchActivateSocket(name string) ([]int, error) {
	text, err := syscall.BytePtrFromString(name)
	if err != nil {
		return nil, err
	}
	var array *int32 // in C's memory
	var count uintptr
	result, _, _ := callC(launchActivateSocketAddr,
		uintptr(unsafe.Pointer(text)), uintptr(unsafe.Pointer(&array)), uintptr(unsafe.Pointer(&count)))
	if errno := syscall.Errno(uint32(result)); errno != 0 { // a C int: the upper half may be anything
		return nil, errno
	}
	defer callC(freeAddr, uintptr(unsafe.Pointer(array)), 0, 0)
	var fds []int
	for _, fd := range unsafe.Slice(array, count) {
		fds = append(fds, int(fd))
	}
	return fds, nil
}

//go:cgo_import_dynamic libc_launch_activate_socket launch_activate_socket "/usr/lib/libSystem.B.dylib"
//go:cgo_import_dynamic libc_free free "/usr/lib/libSystem.B.dylib"

// The addresses of activation_darwin.s.
var launchActivateSocketAddr, freeAddr uintptr

// callC calls a C function with up to three arguments.
//
//go:linkname callC syscall.syscall
func callC(function, a, b, c uintptr) (result, result2 uintptr, errno syscall.Errno)
