package file

import (
	"bytes"
	"errors"
	"io"

	"filippo.io/age"
)

// maxSize bounds what is read into memory: far more than any number of
// sessions needs.
const maxSize = 16 << 20

// errOtherKey means that a file is sealed to another key, or that its header
// is damaged: age can't tell these apart.
var errOtherKey = errors.New("sealed to another key")

// seal encrypts values to id.
func seal(values map[string][]byte, id *age.X25519Identity) ([]byte, error) {
	plain, err := encode(values)
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	return encrypt(plain, id.Recipient())
}

// unseal is the inverse of seal. It fails with errOtherKey, errNewer, or
// because the file is damaged.
func unseal(sealed []byte, id *age.X25519Identity) (map[string][]byte, error) {
	plain, err := decrypt(sealed, id)
	defer clear(plain)
	if errors.Is(err, age.ErrIncorrectIdentity) {
		return nil, errOtherKey
	}
	if err != nil {
		return nil, err
	}
	return decode(plain)
}

func encrypt(plain []byte, to age.Recipient) ([]byte, error) {
	var sealed bytes.Buffer
	w, err := age.Encrypt(&sealed, to)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(plain); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return sealed.Bytes(), nil
}

// decrypt may return a part of the payload with its error.
func decrypt(sealed []byte, id age.Identity) ([]byte, error) {
	r, err := age.Decrypt(bytes.NewReader(sealed), id)
	if err != nil {
		return nil, err
	}
	// The payload is shorter than the file: no growing, which would leave
	// copies of it behind.
	plain := bytes.NewBuffer(make([]byte, 0, len(sealed)+bytes.MinRead))
	_, err = io.Copy(plain, r)
	return plain.Bytes(), err
}
