package userpool

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"math/big"
	"strings"
	"time"
)

// The server's side of Cognito's SRP-6a: group 15 of RFC 3526 (the 3072-bit
// prime of RFC 5054), g = 2, SHA-256. It differs from RFC 5054 in padding (pad)
// and in the key, which is derived by HKDF. Written apart from the client's
// side, so that a misunderstanding in one shows against the other; both are held
// against the same vectors.

const srpPrime = "" +
	"FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD" +
	"EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED" +
	"EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F" +
	"83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B" +
	"E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510" +
	"15728E5A8AAAC42DAD33170D04507A33A85521ABDF1CBA64ECFB850458DBEF0A8AEA71575D060C7DB3970F85A6E1E4C7" +
	"ABF5AE8CDB0933D71E8C94E04A25619DCEE3D2261AD2EE6BF12FFA06D98A0864D87602733EC86A64521F2B18177B200C" +
	"BBE117577A615D6C770988C0BAD946E208E24FA074E5AB3143DB5BFCE0FD108E4B82D120A93AD2CAFFFFFFFFFFFFFFFF"

// timestampLayout is how TIMESTAMP must look: English, UTC, 24 hours, the day
// without a leading zero.
const timestampLayout = "Mon Jan 2 15:04:05 UTC 2006"

const (
	timestampWindow = 5 * time.Minute
	// verifierLife is how long a PASSWORD_VERIFIER challenge can be answered. AWS
	// says "within a few seconds" and no number.
	verifierLife = 30 * time.Second
)

type srpGroup struct{ n, g, k *big.Int }

func newSRPGroup() srpGroup {
	n, _ := new(big.Int).SetString(srpPrime, 16)
	g := big.NewInt(2)
	return srpGroup{n: n, g: g, k: hashInt(pad(n), pad(g))}
}

// pad gives the bytes of x in minimal two's complement, as Java's
// BigInteger.toByteArray does for what isn't negative.
func pad(x *big.Int) []byte {
	b := x.Bytes()
	if len(b) == 0 || b[0] >= 0x80 {
		return append([]byte{0}, b...)
	}
	return b
}

func hash(parts ...[]byte) []byte {
	h := sha256.New()
	for _, part := range parts {
		h.Write(part)
	}
	return h.Sum(nil)
}

func hashInt(parts ...[]byte) *big.Int { return new(big.Int).SetBytes(hash(parts...)) }

// verifier is what is kept of a password: a salt and v = g^x mod N.
type verifier struct{ salt, v *big.Int }

// newVerifier makes the verifier of a password. realm is the pool id's part
// after "_" and name the user's USER_ID_FOR_SRP.
func newVerifier(realm, name, password string, salt *big.Int) verifier {
	group := newSRPGroup()
	x := hashInt(pad(salt), hash([]byte(realm+name+":"+password)))
	return verifier{salt: salt, v: new(big.Int).Exp(group.g, x, group.n)}
}

func (u *user) setPassword(p *Pool, password string) {
	salt := new(big.Int).SetBytes(randomBytes(16))
	u.password = newVerifier(p.realm(), u.username, password, salt)
}

// hasPassword says whether password is the user's, by making its verifier anew.
func (u *user) hasPassword(p *Pool, password string) bool {
	again := newVerifier(p.realm(), u.username, password, u.password.salt)
	return again.v.Cmp(u.password.v) == 0
}

// realm is the pool's name in SRP: the id without its region.
func (p *Pool) realm() string {
	_, name, _ := strings.Cut(p.config.ID, "_")
	return name
}

// publicB is the server's public value for the secret b: kv + g^b mod N.
func (g srpGroup) publicB(v, b *big.Int) *big.Int {
	sum := new(big.Int).Mul(g.k, v)
	sum.Add(sum, new(big.Int).Exp(g.g, b, g.n))
	return sum.Mod(sum, g.n)
}

// sessionKey is the key that both sides reach: S = (A·v^u)^b, through HKDF.
func (g srpGroup) sessionKey(v, a, b, publicB *big.Int) []byte {
	u := hashInt(pad(a), pad(publicB))
	s := new(big.Int).Exp(v, u, g.n)
	s.Mul(s, a)
	s.Exp(s, b, g.n)
	key, err := hkdf.Key(sha256.New, pad(s), pad(u), "Caldera Derived Key", 16)
	if err != nil {
		panic(err) // 16 bytes are never too many
	}
	return key
}

// claim is the signature that proves the key.
func claim(key []byte, realm, name string, secretBlock []byte, timestamp string) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(realm + name))
	mac.Write(secretBlock)
	mac.Write([]byte(timestamp))
	return mac.Sum(nil)
}

// srpExchange is a PASSWORD_VERIFIER challenge that waits for its answer. The
// SECRET_BLOCK tells which exchange is meant: in USER_SRP_AUTH AWS gives no
// Session with it.
type srpExchange struct {
	in       signIn
	session  string // "": none was given out
	realm    string // the pool's, or a device's group
	name     string // USER_ID_FOR_SRP, or a device's key
	password verifier
	a, b     *big.Int
	publicB  *big.Int
	created  time.Time
}

// parseA reads SRP_A: hexadecimal digits, not 0 modulo N.
func (g srpGroup) parseA(text string) (*big.Int, bool) {
	if len(text) == 0 || len(text) > len(srpPrime)+2 || strings.Trim(text, "0123456789abcdefABCDEF") != "" {
		return nil, false
	}
	a, ok := new(big.Int).SetString(text, 16)
	return a, ok && new(big.Int).Mod(a, g.n).Sign() != 0
}

// startSRP begins the proof of a password. For a user who doesn't exist, and
// whose existence isn't to be told, salt and id are made up, always the same ones
// for a name.
func (c *call) startSRP(in signIn, srpA string) (any, *apiError) {
	group := newSRPGroup()
	a, ok := group.parseA(srpA)
	if !ok {
		return nil, invalidParameter("SRP_A is not valid")
	}
	exchange := &srpExchange{in: in, realm: in.pool.realm(), a: a, b: new(big.Int).SetBytes(randomBytes(128)), created: c.now}
	exchange.name = in.username()
	if in.user != nil {
		exchange.password = in.user.password
	} else {
		exchange.password = in.pool.madeUp(in.typed)
	}
	if in.srpSession {
		in.challenge = "PASSWORD_VERIFIER"
		exchange.session = c.hold(in)
	}
	exchange.publicB = group.publicB(exchange.password.v, exchange.b)
	block := base64.StdEncoding.EncodeToString(randomBytes(768))
	in.pool.blocks[block] = exchange
	in.pool.dropOldBlocks(c.now)
	return authAnswer{ChallengeName: "PASSWORD_VERIFIER", Session: exchange.session, ChallengeParameters: map[string]string{
		"SALT":            exchange.password.salt.Text(16),
		"SRP_B":           exchange.publicB.Text(16),
		"SECRET_BLOCK":    block,
		"USERNAME":        exchange.name,
		"USER_ID_FOR_SRP": exchange.name,
	}}, nil
}

// invented are bytes that stand for somebody who doesn't exist, always the same
// ones for a name.
func (p *Pool) invented(typed string) []byte {
	mac := hmac.New(sha256.New, p.salt)
	mac.Write([]byte(p.fold(typed)))
	return mac.Sum(nil)
}

// madeUp is the verifier of somebody who doesn't exist.
func (p *Pool) madeUp(typed string) verifier {
	sum := p.invented(typed)
	return newVerifier(p.realm(), typed, hex.EncodeToString(sum), new(big.Int).SetBytes(sum[16:]))
}

// madeUpID is the username of somebody who doesn't exist.
func (p *Pool) madeUpID(typed string) string { return uuidText(p.invented(typed)[:16]) }

func (p *Pool) dropOldBlocks(now time.Time) {
	for block, exchange := range p.blocks {
		if now.Sub(exchange.created) > time.Hour {
			delete(p.blocks, block)
		}
	}
}

// answerVerifier judges a PASSWORD_VERIFIER answer. Whatever is wrong with the
// proof, AWS says the same: a wrong password.
func (c *call) answerVerifier(exchange *srpExchange, answers map[string]string) (any, *apiError) {
	stamp, refusal := parseStamp(answers["TIMESTAMP"])
	if refusal != nil {
		return nil, refusal
	}
	in := exchange.in
	if in.user == nil {
		exchange.end(answers)
		return nil, incorrectPassword()
	}
	if refusal := in.user.provePassword(c.now, func() bool { return exchange.proved(c.now, stamp, answers) }); refusal != nil {
		exchange.end(answers)
		return nil, refusal
	}
	// The exchange outlives an unknown device: AWS's own clients answer again
	// without the device's key.
	if refusal := in.sentFrom(answers["DEVICE_KEY"]); refusal != nil {
		return nil, refusal
	}
	exchange.end(answers)
	in.password = true
	in.answered("PASSWORD_VERIFIER")
	return c.advance(in)
}

// end makes sure that the exchange is answered once.
func (e *srpExchange) end(answers map[string]string) {
	delete(e.in.pool.blocks, answers["PASSWORD_CLAIM_SECRET_BLOCK"])
	if held := e.in.pool.signIns[e.session]; held != nil {
		held.used = true
	}
}

func parseStamp(text string) (time.Time, *apiError) {
	stamp, err := time.Parse(timestampLayout, text)
	if err != nil {
		return stamp, invalidParameter("TIMESTAMP format should be EEE MMM d HH:mm:ss z yyyy in english.")
	}
	return stamp, nil
}

func (e *srpExchange) proved(now, stamp time.Time, answers map[string]string) bool {
	inTime := now.Sub(e.created) <= verifierLife && now.Sub(stamp).Abs() <= timestampWindow
	asWritten := stamp.Format(timestampLayout) == answers["TIMESTAMP"] // else "05", or another day's name
	if !inTime || !asWritten {
		return false
	}
	block, err := base64.StdEncoding.DecodeString(answers["PASSWORD_CLAIM_SECRET_BLOCK"])
	if err != nil {
		return false
	}
	given, err := base64.StdEncoding.DecodeString(answers["PASSWORD_CLAIM_SIGNATURE"])
	if err != nil {
		return false
	}
	key := newSRPGroup().sessionKey(e.password.v, e.a, e.b, e.publicB)
	return hmac.Equal(given, claim(key, e.realm, e.name, block, answers["TIMESTAMP"]))
}
