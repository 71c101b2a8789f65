package session

// syncDir does nothing: Windows can't sync a directory.
func syncDir(string) error { return nil }
