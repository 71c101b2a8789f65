package file

// NewQuickPassphrase is NewPassphrase with so little work for a new key that
// tests don't wait for it.
func NewQuickPassphrase(path string) *Passphrase {
	p := NewPassphrase(path)
	p.workFactor = 6
	return p
}
