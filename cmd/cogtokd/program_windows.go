package main

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/windows"
)

// canBecome: on Windows a process can't become another program. The agent ends,
// and the next client starts the new one.
const canBecome = false

func checkProgram(path string, info os.FileInfo) error {
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file", path)
	}
	return nil
}

func isBeingWritten(err error) bool { return errors.Is(err, windows.ERROR_SHARING_VIOLATION) }
