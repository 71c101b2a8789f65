package cli

// stateDirectory is where programs keep what is neither config nor cache.
func stateDirectory(getenv func(string) string) string { return getenv("LOCALAPPDATA") }
