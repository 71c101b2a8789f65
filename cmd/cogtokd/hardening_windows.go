package main

import "os"

// confine does nothing: files of a user's profile are the user's own.
func confine() {}

// keepFromChildren does nothing: Windows gives children what they are given.
func keepFromChildren(int) {}

// root is a directory that is always there.
func root() string {
	if dir := os.Getenv("SystemRoot"); dir != "" {
		return dir
	}
	return `C:\`
}
