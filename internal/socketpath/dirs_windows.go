package socketpath

import "os"

func runtimeDir() string { return "" }

func stateDir() string { return os.Getenv("LOCALAPPDATA") }
