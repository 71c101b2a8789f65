package agent

// child runs what a test wants done by another process or user.
func child(run string) int { return 2 }
