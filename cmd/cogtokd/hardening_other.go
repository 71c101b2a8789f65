//go:build !linux

package main

// hide does nothing: macOS keeps processes from each other by code signing
// (the hardened runtime), Windows by access rights.
func hide() {}
