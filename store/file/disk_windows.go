package file

import "io/fs"

const openFlags = 0

// mustBeOurs relies on the directory's access list: a file in the user's
// profile directory is the user's alone.
func mustBeOurs(path string, info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return refuse(path, "it is not a regular file", "move it away: %s", path)
	}
	return nil
}

// syncDirectory has nothing to do: Windows can't sync a directory, and NTFS
// journals renames.
func syncDirectory(string) error { return nil }
