package main

import "os"

// full is the name of the program that is the full client.
const full = "cogtokd"

// sibling returns the path of the full client: beside this very program,
// symbolic links followed. Neither $PATH nor the working directory decides
// what is run with the user's sign-in.
func sibling() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", err
	}
	return directory(follow(path)) + full + extension, nil
}

// follow returns where the symbolic link at path leads, path itself if it is
// none. (Linux does it for os.Executable, macOS doesn't.)
func follow(path string) string {
	for range 40 { // as many links as the kernel follows
		target, err := os.Readlink(path)
		if err != nil {
			break
		}
		if !absolute(target) {
			target = directory(path) + target
		}
		path = target
	}
	return path
}

// directory returns path up to and with its last separator.
func directory(path string) string {
	for i := len(path); i > 0; i-- {
		if os.IsPathSeparator(path[i-1]) {
			return path[:i]
		}
	}
	return ""
}

// fullArgs is the command line of the full client. Its name stands there as it
// is, so that it doesn't matter how this program was called.
func fullArgs(args []string) []string {
	return append([]string{full, "cli"}, args...)
}

// noSibling reports what came of running the full client at path.
func noSibling(path string, err error) int {
	if os.IsNotExist(err) {
		complain("cogtokd is not beside " + directory(path) + "cogtok" + extension)
		complain("hint: cogtok is two programs: install cogtok and cogtokd in the same folder")
		return 1
	}
	complain("can't run " + path + ": " + err.Error())
	return 1
}
