package cognito

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"
)

// readVectors reads the vectors into maps: "a" is the secret and "A" the
// public number, which encoding/json doesn't tell apart in structs.
func readVectors(t *testing.T) (password []map[string]string, device map[string]string) {
	t.Helper()
	raw, err := os.ReadFile("testdata/srp-vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Password []map[string]string
		Device   map[string]string
	}
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Password) != 2 || file.Device == nil {
		t.Fatal("vectors are missing")
	}
	return file.Password, file.Device
}

func TestModulus(t *testing.T) {
	const want = "2b2c15e1523695d748a2f56b3b81d59d23467b300f1879585be61f0addacdc45"
	if got := fmt.Sprintf("%x", sha256.Sum256([]byte(srpModulus))); got != want {
		t.Errorf("sha256 of the modulus = %s, want %s", got, want)
	}
}

func TestVectors(t *testing.T) {
	password, device := readVectors(t)
	for _, v := range password {
		t.Run(v["label"], func(t *testing.T) {
			x := checkExchange(t, v)
			salt, _ := hexNumber(v["salt"])
			group := poolGroup(v["pool"])
			if got := srpPrivateKey(salt, group, v["user"], v["pw"]); got.Text(16) != v["x"] {
				t.Errorf("x = %x", got)
			}
			checkProof(t, x, v, group, v["user"], v["pw"], v["salt"])
		})
	}
	t.Run("device", func(t *testing.T) {
		x := checkExchange(t, device)
		checkProof(t, x, device, device["device_group_key"], device["device_key"], device["device_password"], device["SALT"])
	})
}

func checkExchange(t *testing.T, v map[string]string) *srpExchange {
	t.Helper()
	a, _ := hexNumber(v["a"])
	x := srpWithSecret(a)
	if v["k"] != "" && x.k.Text(16) != v["k"] {
		t.Errorf("k = %x", x.k)
	}
	if want := strings.Repeat("0", len(v["A"])%2) + v["A"]; x.srpA() != want {
		t.Errorf("SRP_A = %s, want %s", x.srpA(), want)
	}
	b, _ := hexNumber(v["B"])
	if u := hashNumber(pad(x.public), pad(b)); u.Text(16) != v["u"] {
		t.Errorf("u = %x", u)
	}
	return x
}

func checkProof(t *testing.T, x *srpExchange, v map[string]string, group, user, password, salt string) {
	t.Helper()
	p, err := parseSRPParameters(map[string]string{"SALT": salt, "SRP_B": v["B"], "SECRET_BLOCK": v["sb"]})
	if err != nil {
		t.Fatal(err)
	}
	key, err := x.sessionKey(group, user, password, p)
	if err != nil || hex.EncodeToString(key) != v["key"] {
		t.Errorf("key = %x, %v", key, err)
	}
	// The time of the vectors, in a zone far from UTC: it must be sent in UTC.
	now := time.Date(2025, 11, 6, 7, 8, 9, 999, time.UTC).In(time.FixedZone("", 13*3600))
	proof, err := x.prove(group, user, password, p, now)
	if err != nil || proof.timestamp != v["ts"] || proof.signature != v["sig"] {
		t.Errorf("proof = %+v, %v", proof, err)
	}
}

// The layout has traps: the day has no leading zero, the hour has 24 values.
func TestTimestamp(t *testing.T) {
	for _, at := range []struct {
		t    time.Time
		want string
	}{
		{time.Date(2026, 9, 5, 0, 4, 5, 0, time.UTC), "Sat Sep 5 00:04:05 UTC 2026"},
		{time.Date(2026, 12, 25, 23, 59, 59, 0, time.UTC), "Fri Dec 25 23:59:59 UTC 2026"},
	} {
		if got := at.t.Format(srpTimeLayout); got != at.want {
			t.Errorf("got %q, want %q", got, at.want)
		}
	}
}

// srpServer is the server's side of SRP, written on other means than the
// client: padding by ASN.1's INTEGER, HKDF from HMAC alone, the premaster
// secret from the verifier.
type srpServer struct {
	n, b, public, verifier *big.Int
	salt                   *big.Int
}

func (s *srpServer) pad(n *big.Int) []byte {
	der, err := asn1.Marshal(n)
	if err != nil {
		panic(err)
	}
	var v asn1.RawValue
	if _, err := asn1.Unmarshal(der, &v); err != nil {
		panic(err)
	}
	return v.Bytes
}

func (s *srpServer) hash(parts ...[]byte) *big.Int {
	sum := sha256.Sum256(bytes.Join(parts, nil))
	return new(big.Int).SetBytes(sum[:])
}

func newSRPServer(group, user, password string, salt, b *big.Int) *srpServer {
	s := &srpServer{salt: salt, b: b}
	s.n, _ = new(big.Int).SetString(srpModulus, 16)
	inner := sha256.Sum256(fmt.Appendf(nil, "%s%s:%s", group, user, password))
	s.verifier = new(big.Int).Exp(big.NewInt(2), s.hash(s.pad(salt), inner[:]), s.n)
	k := s.hash(s.pad(s.n), []byte{2})
	s.public = new(big.Int).Exp(big.NewInt(2), b, s.n)
	s.public.Add(s.public, new(big.Int).Mul(k, s.verifier)).Mod(s.public, s.n)
	return s
}

func (s *srpServer) signature(srpA, group, user string, block []byte, timestamp string) string {
	public, _ := new(big.Int).SetString(srpA, 16)
	u := s.hash(s.pad(public), s.pad(s.public))
	premaster := new(big.Int).Exp(s.verifier, u, s.n)
	premaster.Mul(premaster, public).Exp(premaster, s.b, s.n)
	mac := func(key []byte, parts ...[]byte) []byte {
		h := hmac.New(sha256.New, key)
		h.Write(bytes.Join(parts, nil))
		return h.Sum(nil)
	}
	prk := mac(s.pad(u), s.pad(premaster))
	key := mac(prk, []byte("Caldera Derived Key"), []byte{1})[:16]
	return base64.StdEncoding.EncodeToString(mac(key, []byte(group), []byte(user), block, []byte(timestamp)))
}

// One login in 16 has a number with a short hex form and one in two a top bit
// that is set: padding that is wrong fails some of a thousand.
func TestRoundTrips(t *testing.T) {
	const rounds = 1000
	for part := range 4 {
		t.Run(fmt.Sprint(part), func(t *testing.T) {
			t.Parallel()
			r := rand.New(rand.NewPCG(uint64(part), 20261123))
			for i := range rounds / 4 {
				roundTrip(t, r, i)
			}
		})
	}
}

func roundTrip(t *testing.T, r *rand.Rand, i int) {
	number := func(bytes int) *big.Int {
		raw := make([]byte, bytes)
		for i := range raw {
			raw[i] = byte(r.Uint32())
		}
		return new(big.Int).SetBytes(raw)
	}
	secretSize := 32
	if i%50 == 0 {
		secretSize = 128 // as in earnest; costly
	}
	group, user := "AbC"+number(3).Text(36), number(16).Text(16)
	password := string(rune('a'+r.IntN(26))) + "é日 :" + number(r.IntN(24)).Text(62)
	server := newSRPServer(group, user, password, number(1+r.IntN(16)), number(secretSize))
	block := number(90).Bytes()

	client := srpWithSecret(number(secretSize))
	p, err := parseSRPParameters(map[string]string{
		"SALT": server.salt.Text(16), "SRP_B": server.public.Text(16), "SECRET_BLOCK": base64.StdEncoding.EncodeToString(block),
	})
	if err != nil {
		t.Fatal(err)
	}
	proof, err := client.prove(group, user, password, p, time.Unix(r.Int64N(4e9), 0))
	if err != nil {
		t.Fatal(err)
	}
	if want := server.signature(client.srpA(), group, user, block, proof.timestamp); proof.signature != want {
		t.Errorf("round %d: the two sides disagree: salt %x, A %x, B %x", i, server.salt, client.public, server.public)
	}
	if i%50 != 0 {
		return
	}
	other, err := client.prove(group, user, password+"x", p, time.Unix(1, 0))
	if err != nil || other.signature == server.signature(client.srpA(), group, user, block, other.timestamp) {
		t.Errorf("round %d: another password passes: %v", i, err)
	}
}

func TestNewSRP(t *testing.T) {
	one, err := newSRP(nil)
	if err != nil {
		t.Fatal(err)
	}
	two, err := newSRP(nil)
	if err != nil {
		t.Fatal(err)
	}
	if one.a.Cmp(two.a) == 0 || one.a.BitLen() < 900 {
		t.Error("the secrets are not random numbers of 128 bytes")
	}
	if s := one.srpA(); len(s)%2 != 0 || s != strings.ToLower(s) {
		t.Errorf("SRP_A = %q", s)
	}
	if _, err := newSRP(bytes.NewReader(make([]byte, 100))); err == nil {
		t.Error("too little randomness was taken")
	}
}

func TestSRPRefuses(t *testing.T) {
	good := map[string]string{"SALT": "1", "SRP_B": "3", "SECRET_BLOCK": "AAAA"}
	for name, change := range map[string][2]string{
		"no SALT":          {"SALT", ""},
		"SALT not hex":     {"SALT", "xyz"},
		"signed SALT":      {"SALT", "-1"},
		"no SRP_B":         {"SRP_B", ""},
		"SRP_B not hex":    {"SRP_B", "0x10"},
		"long SRP_B":       {"SRP_B", strings.Repeat("f", maxSRPHex+1)},
		"no SECRET_BLOCK":  {"SECRET_BLOCK", ""},
		"bad SECRET_BLOCK": {"SECRET_BLOCK", "%%%"},
		"SRP_B of 0":       {"SRP_B", "00"},
		"SRP_B of N":       {"SRP_B", srpModulus},
	} {
		challenge := map[string]string{}
		for k, v := range good {
			challenge[k] = v
		}
		challenge[change[0]] = change[1]
		p, err := parseSRPParameters(challenge)
		if err == nil {
			_, err = srpWithSecret(big.NewInt(5)).prove("g", "u", "p", p, time.Unix(0, 0))
		}
		if !errors.Is(err, errSRP) {
			t.Errorf("%s: got %v, want errSRP", name, err)
		}
	}
}

func TestPad(t *testing.T) {
	for in, want := range map[string]string{"0": "00", "7f": "7f", "80": "0080", "100": "0100", "fff": "0fff", "ffff": "00ffff"} {
		n, _ := new(big.Int).SetString(in, 16)
		if got := hex.EncodeToString(pad(n)); got != want {
			t.Errorf("pad(%s) = %s, want %s", in, got, want)
		}
	}
}

func FuzzSRPParameters(f *testing.F) {
	f.Add("2bc990", "8911d7", "KicxgfLg")
	f.Add("", "-1", "====")
	f.Add("0", srpModulus, "AA==")
	exchange := srpWithSecret(big.NewInt(0xabcdef))
	f.Fuzz(func(t *testing.T, salt, b, block string) {
		p, err := parseSRPParameters(map[string]string{"SALT": salt, "SRP_B": b, "SECRET_BLOCK": block})
		if err == nil {
			_, err = exchange.prove("group", "user", "password", p, time.Unix(0, 0))
		}
		if err != nil && !errors.Is(err, errSRP) {
			t.Errorf("%v", err)
		}
	})
}
