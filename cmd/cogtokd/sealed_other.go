//go:build unix && !linux

package main

import "os"

// sealed returns a file with the text that has no name any more. It is made for
// the user alone, and is empty as long as it has one.
func sealed(text []byte) (*os.File, error) {
	file, err := os.CreateTemp("", "cogtok")
	if err != nil {
		return nil, err
	}
	if err = os.Remove(file.Name()); err == nil {
		_, err = file.Write(text)
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return file, nil
}
