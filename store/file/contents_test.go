package file

import (
	"bytes"
	"errors"
	"testing"
)

// FuzzContents: any payload is decoded or refused, and what was decoded survives
// being written again.
func FuzzContents(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `null`, `[]`, `{"version":1}`, `{"version":1,"values":null}`, `{"version":1,"values":{"a":"","b":"dg==","ü/\u0000":"/+A="}}`,
		`{"version":2,"values":{}}`, `{"version":1e0,"values":{}}`, `{"version":1,"values":{"a":"dg","a":null}}`, `{"version":99999999999999999999}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		values, err := decode(payload)
		if err != nil {
			if values != nil {
				t.Error("values and an error")
			}
			return
		}
		again, err := encode(values)
		if err != nil {
			t.Fatal(err)
		}
		same, err := decode(again)
		if err != nil || len(same) != len(values) {
			t.Fatalf("%d values became %d: %v", len(values), len(same), err)
		}
		for name, value := range values {
			if !bytes.Equal(same[name], value) {
				t.Errorf("%q: %q became %q", name, value, same[name])
			}
		}
	})
}

// FuzzUnseal: whatever lies in the file, opening it ends in values or an error.
func FuzzUnseal(f *testing.F) {
	f.Add([]byte("age-encryption.org/v1\n-> X25519 x\n\n--- \n"))
	f.Add([]byte("age-encryption.org/v1\n-> scrypt AAAAAAAAAAAAAAAAAAAAAA 30\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n--- AAAA\n"))
	f.Fuzz(func(t *testing.T, sealed []byte) {
		if id, err := unwrap(sealed, []byte("x")); err == nil {
			t.Errorf("opened as a key: %v", id.Recipient())
		}
	})
}

func TestDecodeErrorsDontQuote(t *testing.T) {
	for _, payload := range []string{`{"marker": marker}`, `{"version":1,"values":{"x":"marker"}}`, `{"version":"marker"}`, `marker`} {
		if _, err := decode([]byte(payload)); err == nil || bytes.Contains([]byte(err.Error()), []byte("marker")) {
			t.Errorf("%s: error %v", payload, err)
		}
	}
	if _, err := decode([]byte(`{"version":2}`)); !errors.Is(err, errNewer) {
		t.Errorf("version 2: %v, want errNewer", err)
	}
}
