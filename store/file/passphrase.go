package file

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"

	"filippo.io/age"

	"github.com/cogtok/cogtok/store"
)

// workFactor is the logarithm of scrypt's N for new keys. With age's r = 8,
// 2^16 takes 64 MiB and about a third of a second, once in an agent's run. age's own 2^18
// would need 256 MiB, and OWASP's 2^17 already 128 MiB.
const workFactor = 16

// maxWorkFactor is the largest that is accepted from a file: that of the age command.
const maxWorkFactor = 18

// A Passphrase keeps the key in a file of its own that is encrypted by a
// passphrase (age's scrypt recipient). It is a [store.Lock]: Key fails with
// store.ErrLocked until Unlock got the passphrase. What was unlocked stays so until
// Forget, or until the process ends.
type Passphrase struct {
	path       string
	workFactor int

	unlocking chan struct{} // holds one token: one scrypt at a time

	mu  sync.Mutex // guards what follows
	id  *age.X25519Identity
	sum [sha256.Size]byte // of the file that id is from
}

// NewPassphrase returns the key in the file at path. The file comes into being
// with the first Unlock.
func NewPassphrase(path string) *Passphrase {
	return &Passphrase{path: path, workFactor: workFactor, unlocking: make(chan struct{}, 1)}
}

// Locked reports whether Unlock has yet to get the passphrase.
func (p *Passphrase) Locked() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.id == nil
}

// New reports whether no passphrase was ever chosen.
func (p *Passphrase) New() (bool, error) {
	sealed, _, err := readFile(p.path)
	return sealed == nil, err
}

// Key returns the key, or store.ErrLocked.
func (p *Passphrase) Key(context.Context) (*age.X25519Identity, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.id == nil {
		return nil, store.ErrLocked
	}
	return p.id, nil
}

// Reread returns the key if its file is the one that was unlocked. If another
// one has taken its place, it locks: that one may have another passphrase.
func (p *Passphrase) Reread(ctx context.Context) (*age.X25519Identity, error) {
	sealed, _, err := readFile(p.path)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	if sealed != nil && sha256.Sum256(sealed) != p.sum {
		p.id = nil
	}
	p.mu.Unlock()
	return p.Key(ctx)
}

// Create is never of use: Key doesn't fail with store.ErrNotFound.
func (p *Passphrase) Create(context.Context) (*age.X25519Identity, error) {
	return nil, store.ErrLocked
}

// Unlock opens the key, or makes it when there is none. It fails with
// store.ErrWrongPassphrase (an empty one is never right), an
// *store.UnavailableError or the error of ctx.
func (p *Passphrase) Unlock(ctx context.Context, passphrase []byte) error {
	if len(passphrase) == 0 {
		return fmt.Errorf("%w: it is empty", store.ErrWrongPassphrase)
	}
	select {
	case p.unlocking <- struct{}{}:
		defer func() { <-p.unlocking }()
	case <-ctx.Done():
		return ctx.Err()
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	defer debug.FreeOSMemory() // scrypt's 64 MiB
	sealed, _, err := readFile(p.path)
	if err != nil {
		return err
	}
	if sealed == nil {
		return p.create(ctx, passphrase)
	}
	return p.open(sealed, passphrase)
}

// create makes the key, unless another process is faster: then its passphrase counts.
func (p *Passphrase) create(ctx context.Context, passphrase []byte) error {
	unlock, err := lockFile(ctx, p.path)
	if err != nil {
		return err
	}
	defer unlock()
	sealed, _, err := readFile(p.path)
	if err != nil {
		return err
	}
	if sealed != nil {
		return p.open(sealed, passphrase)
	}
	id, err := age.GenerateX25519Identity()
	if err != nil {
		return err
	}
	if sealed, err = wrap(id, passphrase, p.workFactor); err != nil {
		return err
	}
	if err := writeFile(p.path, sealed); err != nil {
		return err
	}
	p.set(id, sealed)
	return nil
}

func (p *Passphrase) open(sealed, passphrase []byte) error {
	id, err := unwrap(sealed, passphrase)
	if errors.Is(err, age.ErrIncorrectIdentity) {
		return store.ErrWrongPassphrase
	}
	if err != nil {
		return &store.UnavailableError{
			Reason: p.path + " is damaged: it holds the key to all that `store: file` keeps",
			Hint:   fmt.Sprintf("put back a copy of it, or start anew: mv %s %s.bad", p.path, p.path),
			Err:    err,
		}
	}
	p.set(id, sealed)
	return nil
}

func (p *Passphrase) set(id *age.X25519Identity, sealed []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.id, p.sum = id, sha256.Sum256(sealed)
}

// Forget drops the key from memory; Unlock has to get the passphrase again.
func (p *Passphrase) Forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.id = nil
}

// wrap encrypts id by the passphrase.
func wrap(id *age.X25519Identity, passphrase []byte, logN int) ([]byte, error) {
	recipient, err := age.NewScryptRecipient(string(passphrase))
	if err != nil {
		return nil, err
	}
	recipient.SetWorkFactor(logN)
	text := []byte(id.String())
	defer clear(text)
	return encrypt(text, recipient)
}

// unwrap is the inverse of wrap. For a wrong passphrase its error is age.ErrIncorrectIdentity.
func unwrap(sealed, passphrase []byte) (*age.X25519Identity, error) {
	identity, err := age.NewScryptIdentity(string(passphrase))
	if err != nil {
		return nil, err
	}
	identity.SetMaxWorkFactor(maxWorkFactor)
	text, err := decrypt(sealed, identity)
	defer clear(text)
	if err != nil {
		return nil, err
	}
	id, err := age.ParseX25519Identity(string(bytes.TrimSpace(text)))
	if err != nil {
		return nil, errors.New("the text in it is not an age identity") // age's error might quote it
	}
	return id, nil
}

var (
	_ store.Lock = (*Passphrase)(nil)
	_ KeySource  = (*Passphrase)(nil)
	_ KeySource  = (*KeychainKey)(nil)
)
