package userpool

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"math/big"
	"os"
	"strings"
	"testing"
)

// readVectors reads vectors that were made with an independent implementation of
// both sides and checked in a second one.
func readVectors(t *testing.T) map[string]any {
	t.Helper()
	data, err := os.ReadFile("testdata/srp-vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var all map[string]any
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatal(err)
	}
	return all
}

func number(t *testing.T, text string) *big.Int {
	t.Helper()
	x, ok := new(big.Int).SetString(text, 16)
	if !ok {
		t.Fatalf("no number: %q", text)
	}
	return x
}

type exchangeVector struct{ realm, name, password, salt, a, b, publicB, key, block, timestamp, claim string }

func (v exchangeVector) check(t *testing.T) verifier {
	t.Helper()
	group := newSRPGroup()
	made := newVerifier(v.realm, v.name, v.password, number(t, v.salt))
	secretB, publicA := number(t, v.b), number(t, v.a)
	publicB := group.publicB(made.v, secretB)
	if publicB.Cmp(number(t, v.publicB)) != 0 {
		t.Errorf("B = %x", publicB)
	}
	key := group.sessionKey(made.v, publicA, secretB, publicB)
	if hex.EncodeToString(key) != v.key {
		t.Errorf("key = %x", key)
	}
	block, err := base64.StdEncoding.DecodeString(v.block)
	if err != nil {
		t.Fatal(err)
	}
	if got := base64.StdEncoding.EncodeToString(claim(key, v.realm, v.name, block, v.timestamp)); got != v.claim {
		t.Errorf("signature = %s", got)
	}
	return made
}

func TestSRPVectors(t *testing.T) {
	all := readVectors(t)
	passwords, _ := all["password"].([]any)
	if len(passwords) < 2 {
		t.Fatal("no vectors")
	}
	for _, each := range passwords {
		v := each.(map[string]any)
		text := func(name string) string { return v[name].(string) }
		t.Run(text("label"), func(t *testing.T) {
			_, realm, _ := strings.Cut(text("pool"), "_")
			exchangeVector{realm, text("user"), text("pw"), text("salt"), text("A"), text("b"), text("B"),
				text("key"), text("sb"), text("ts"), text("sig")}.check(t)
			if got := newSRPGroup().k.Text(16); got != text("k") {
				t.Errorf("k = %s", got)
			}
		})
	}
	v := all["device"].(map[string]any)
	text := func(name string) string { return v[name].(string) }
	t.Run("device", func(t *testing.T) {
		made := exchangeVector{text("device_group_key"), text("device_key"), text("device_password"), text("SALT"), text("A"),
			text("b"), text("B"), text("key"), text("sb"), text("ts"), text("sig")}.check(t)
		if got := base64.StdEncoding.EncodeToString(pad(made.v)); got != text("PasswordVerifier_b64") {
			t.Errorf("verifier = %s", got)
		}
	})
}

func TestPad(t *testing.T) {
	tests := map[string]string{"0": "00", "1": "01", "7f": "7f", "80": "0080", "123": "0123", "ff00": "00ff00"}
	for in, want := range tests {
		if got := hex.EncodeToString(pad(number(t, in))); got != want {
			t.Errorf("pad(%s) = %s, want %s", in, got, want)
		}
	}
}

// TestTOTPVectors holds against RFC 6238, appendix B (its SHA-1 rows, last six
// digits).
func TestTOTPVectors(t *testing.T) {
	token := totp{seed: []byte("12345678901234567890")}
	vectors := map[int64]string{59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130"}
	for seconds, want := range vectors {
		if got := token.code(seconds / totpStep); got != want {
			t.Errorf("at %d: %s, want %s", seconds, got, want)
		}
	}
}

// FuzzDecode looks for bodies that make the decoder panic, or that it lets
// through against the constraints.
func FuzzDecode(f *testing.F) {
	for _, seed := range []string{
		`{"AuthFlow":"USER_PASSWORD_AUTH","ClientId":"abc","AuthParameters":{"USERNAME":"rob","PASSWORD":"x"}}`,
		`{"AuthFlow":1,"ClientId":["a"],"AuthParameters":"x"}`, `{"ClientId":null}`, `[]`, `null`, `{} {}`, "{\"ClientId\":\"\xff\"}", ``,
		`{"clientid":"abc","AuthParameters":{"USERNAME":null,"PASSWORD":{}}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for name, op := range operationTable() {
			p, refusal := decode(body, op.shape)
			if refusal != nil {
				if refusal.name != "SerializationException" && refusal.name != "InvalidParameterException" {
					t.Fatalf("%s: %v", name, refusal)
				}
				continue
			}
			for _, m := range op.shape {
				if _, given := p[m.name]; m.required && !given {
					t.Fatalf("%s without %s", name, m.name)
				}
			}
		}
	})
}
