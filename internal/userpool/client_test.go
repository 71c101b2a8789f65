package userpool_test

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"math/big"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cogtok/cogtok/internal/userpool"
)

// The tests talk to the server over HTTP with a small client that is written
// here, from the protocol's description, and shares no code with the package.

type object = map[string]any

type answer struct {
	status  int
	header  http.Header
	body    object
	errType string
	message string
}

func (a answer) result(t *testing.T) object {
	t.Helper()
	result, ok := a.body["AuthenticationResult"].(object)
	if !ok {
		t.Fatalf("no tokens: %d %s %q %v", a.status, a.errType, a.message, a.body["ChallengeName"])
	}
	return result
}

func (a answer) parameters() object {
	p, _ := a.body["ChallengeParameters"].(object)
	return p
}

func (a answer) text(name string) string {
	s, _ := a.body[name].(string)
	return s
}

func (a answer) refused(t *testing.T, errType, message string) {
	t.Helper()
	if a.errType != errType || a.message != message {
		t.Errorf("got %d %s %q (challenge %v), want %s %q", a.status, a.errType, a.message, a.body["ChallengeName"], errType, message)
	}
}

// clock is a clock that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 3, 5, 14, 7, 9, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

const (
	poolID   = "us-east-1_AbCdEf123"
	password = "Correct horse 9!é"
	secret   = "abcdefghijklmnopqrstuvwxyz0123456789"
)

// world is a server with one pool, and the tests' client to it.
type world struct {
	t      *testing.T
	clock  *clock
	server *userpool.Server
	pool   *userpool.Pool
	url    string
}

func newWorld(t *testing.T, config userpool.PoolConfig) *world {
	t.Helper()
	w := &world{t: t, clock: newClock()}
	w.server = userpool.New(userpool.Config{Now: w.clock.Now, RecordParameters: true})
	config.ID = poolID
	w.pool = w.server.AddPool(config)
	url, err := w.server.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.url = url
	t.Cleanup(func() { _ = w.server.Close() })
	return w
}

func allFlows() []string {
	return []string{"ALLOW_USER_PASSWORD_AUTH", "ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_USER_SRP_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"}
}

// call sends one unsigned request.
func (w *world) call(operation string, body any) answer {
	w.t.Helper()
	return w.send(w.request(operation, body))
}

func (w *world) request(operation string, body any) *http.Request {
	w.t.Helper()
	data, isRaw := body.([]byte)
	if !isRaw {
		var err error
		if data, err = json.Marshal(body); err != nil {
			w.t.Fatal(err)
		}
	}
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.url+"/", bytes.NewReader(data))
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "AWSCognitoIdentityProviderService."+operation)
	return r
}

func (w *world) send(r *http.Request) answer {
	w.t.Helper()
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	a := answer{status: response.StatusCode, header: response.Header}
	if err := json.Unmarshal(data, &a.body); err != nil {
		w.t.Fatalf("no JSON: %q", data)
	}
	a.errType, a.message = a.text("__type"), a.text("message")
	if a.errType != "" && a.status == http.StatusOK {
		w.t.Errorf("error %s with status 200", a.errType)
	}
	if a.errType != "" && a.header.Get("x-amzn-ErrorType") != a.errType+":" {
		w.t.Errorf("x-amzn-ErrorType %q for %s", a.header.Get("x-amzn-ErrorType"), a.errType)
	}
	return a
}

// signIn begins a flow; pairs are AuthParameters, by name and value.
func (w *world) signIn(clientID, flow string, pairs ...string) answer {
	w.t.Helper()
	return w.call("InitiateAuth", object{"ClientId": clientID, "AuthFlow": flow, "AuthParameters": texts(pairs)})
}

// respond answers a challenge.
func (w *world) respond(clientID, challenge, session string, pairs ...string) answer {
	w.t.Helper()
	body := object{"ClientId": clientID, "ChallengeName": challenge, "ChallengeResponses": texts(pairs)}
	if session != "" {
		body["Session"] = session
	}
	return w.call("RespondToAuthChallenge", body)
}

func texts(pairs []string) map[string]string {
	m := map[string]string{}
	for i := 0; i+1 < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return m
}

func secretHash(secret, clientID, username string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(username + clientID))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// srpClient is the client's side of SRP.
type srpClient struct {
	n, a, publicA *big.Int
}

func newSRPClient(seed int64) *srpClient {
	// The prime of RFC 3526, group 15, from pi by the RFC's formula, so that the
	// server's digits are checked too:
	// 2^3072 - 2^3008 - 1 + 2^64 * ( [2^2942 pi] + 1690314 )
	n := group15()
	secret := sha256.Sum256([]byte{byte(seed), byte(seed >> 8), byte(seed >> 16)})
	a := new(big.Int).SetBytes(bytes.Repeat(secret[:], 4))
	return &srpClient{n: n, a: a, publicA: new(big.Int).Exp(big.NewInt(2), a, n)}
}

var group15 = sync.OnceValue(func() *big.Int {
	shift := func(x int64, by uint) *big.Int { return new(big.Int).Lsh(big.NewInt(x), by) }
	n := shift(1, 3072)
	n.Sub(n, shift(1, 3008))
	n.Sub(n, big.NewInt(1))
	middle := new(big.Int).Add(piTimes2To(2942), big.NewInt(1690314))
	return n.Add(n, middle.Lsh(middle, 64))
})

// piTimes2To is floor(pi * 2^bits), by Machin's formula.
func piTimes2To(bits uint) *big.Int {
	guard := bits + 64
	one := new(big.Int).Lsh(big.NewInt(1), guard)
	arctan := func(x int64) *big.Int { // of 1/x
		sum, power := new(big.Int), new(big.Int).Div(one, big.NewInt(x))
		for k := int64(0); power.Sign() != 0; k++ {
			term := new(big.Int).Div(power, big.NewInt(2*k+1))
			if k%2 == 0 {
				sum.Add(sum, term)
			} else {
				sum.Sub(sum, term)
			}
			power.Div(power, big.NewInt(x*x))
		}
		return sum
	}
	pi := new(big.Int).Mul(big.NewInt(16), arctan(5))
	pi.Sub(pi, new(big.Int).Mul(big.NewInt(4), arctan(239)))
	return pi.Rsh(pi, 64)
}

// signed is the two's complement of x, by hexadecimal digits as JavaScript
// clients make it.
func signed(x *big.Int) []byte {
	digits := x.Text(16)
	if len(digits)%2 == 1 {
		digits = "0" + digits
	} else if strings.ContainsRune("89abcdef", rune(digits[0])) {
		digits = "00" + digits
	}
	raw, _ := hex.DecodeString(digits)
	return raw
}

func sum256(parts ...[]byte) []byte {
	s := sha256.Sum256(bytes.Join(parts, nil))
	return s[:]
}

// proof computes PASSWORD_CLAIM_SIGNATURE for a PASSWORD_VERIFIER challenge.
func (c *srpClient) proof(parameters object, realm, password, timestamp string) string {
	text := func(name string) string { s, _ := parameters[name].(string); return s }
	number := func(s string) *big.Int { x, _ := new(big.Int).SetString(s, 16); return x }
	b, name := number(text("SRP_B")), text("USER_ID_FOR_SRP")
	k := new(big.Int).SetBytes(sum256(signed(c.n), []byte{2}))
	u := new(big.Int).SetBytes(sum256(signed(c.publicA), signed(b)))
	x := new(big.Int).SetBytes(sum256(signed(number(text("SALT"))), sum256([]byte(realm+name+":"+password))))
	base := new(big.Int).Exp(big.NewInt(2), x, c.n)
	base.Mul(base, k).Sub(b, base).Mod(base, c.n)
	exponent := new(big.Int).Mul(u, x)
	s := new(big.Int).Exp(base, exponent.Add(exponent, c.a), c.n)
	// HKDF-SHA-256 (RFC 5869), one block, 16 bytes.
	extract := hmac.New(sha256.New, signed(u))
	extract.Write(signed(s))
	expand := hmac.New(sha256.New, extract.Sum(nil))
	expand.Write([]byte("Caldera Derived Key\x01"))
	mac := hmac.New(sha256.New, expand.Sum(nil)[:16])
	block, _ := base64.StdEncoding.DecodeString(text("SECRET_BLOCK"))
	mac.Write(bytes.Join([][]byte{[]byte(realm + name), block, []byte(timestamp)}, nil))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func stamp(t time.Time) string { return t.UTC().Format("Mon Jan 2 15:04:05 UTC 2006") }

// srpSignIn goes through USER_SRP_AUTH up to the answer to PASSWORD_VERIFIER.
func (w *world) srpSignIn(clientID, username, password string, seed int64, more ...string) answer {
	w.t.Helper()
	c := newSRPClient(seed)
	first := w.signIn(clientID, "USER_SRP_AUTH", append([]string{"USERNAME", username, "SRP_A", c.publicA.Text(16)}, more...)...)
	if first.text("ChallengeName") != "PASSWORD_VERIFIER" {
		return first
	}
	return w.respond(clientID, "PASSWORD_VERIFIER", "", w.verifierAnswer(c, first, password, stamp(w.clock.Now()))...)
}

func (w *world) verifierAnswer(c *srpClient, first answer, password, timestamp string) []string {
	p := first.parameters()
	return []string{
		"USERNAME", p["USER_ID_FOR_SRP"].(string),
		"PASSWORD_CLAIM_SECRET_BLOCK", p["SECRET_BLOCK"].(string),
		"PASSWORD_CLAIM_SIGNATURE", c.proof(p, strings.SplitN(poolID, "_", 2)[1], password, timestamp),
		"TIMESTAMP", timestamp,
	}
}
