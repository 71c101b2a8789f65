package cognito

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"math/big"
	"time"
)

// Cognito's Secure Remote Password is SRP-6a (RFC 5054) with changes of its
// own, as AWS's clients have them: the 3072-bit group with SHA-256, numbers
// padded as Java's BigInteger.toByteArray writes them, HKDF over the premaster
// secret, and an HMAC over pool, user, the server's secret block and the time
// in place of RFC 2945's proof.

// srpModulus is the 3072-bit group's prime of RFC 5054, appendix A. Its
// generator is 2.
const srpModulus = "" +
	"FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD" +
	"EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED" +
	"EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F" +
	"83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3B" +
	"E39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9DE2BCBF6955817183995497CEA956AE515D2261898FA0510" +
	"15728E5A8AAAC42DAD33170D04507A33A85521ABDF1CBA64ECFB850458DBEF0A8AEA71575D060C7DB3970F85A6E1E4C7" +
	"ABF5AE8CDB0933D71E8C94E04A25619DCEE3D2261AD2EE6BF12FFA06D98A0864D87602733EC86A64521F2B18177B200C" +
	"BBE117577A615D6C770988C0BAD946E208E24FA074E5AB3143DB5BFCE0FD108E4B82D120A93AD2CAFFFFFFFFFFFFFFFF"

// srpTimeLayout is the only layout of TIMESTAMP that Cognito takes: English,
// UTC, 24 hours, the day without a leading zero.
const srpTimeLayout = "Mon Jan 2 15:04:05 UTC 2006"

// maxSRPHex bounds the numbers that a server may send, in hex digits: the
// modulus has 768.
const maxSRPHex = 1024

// errSRP means that the server's part of an SRP exchange can't be right. Going
// on could give the password away.
var errSRP = errors.New("the server's SRP parameters make no sense")

// srpExchange is the client's side of one exchange.
type srpExchange struct {
	n, g, k *big.Int // the group, and k = H(PAD(n) | PAD(g))
	a       *big.Int // the secret of this exchange
	public  *big.Int // A = g^a mod n
}

// srpProof is what answers PASSWORD_VERIFIER and DEVICE_PASSWORD_VERIFIER.
type srpProof struct {
	signature string // base64
	timestamp string
}

// newSRP begins an exchange with a secret of 128 bytes from random, which is
// crypto/rand.Reader outside of tests.
func newSRP(random io.Reader) (*srpExchange, error) {
	if random == nil {
		random = rand.Reader
	}
	secret := make([]byte, 128)
	for {
		if _, err := io.ReadFull(random, secret); err != nil {
			return nil, err
		}
		if x := srpWithSecret(new(big.Int).SetBytes(secret)); x.public.Sign() != 0 {
			return x, nil
		}
	}
}

func srpWithSecret(a *big.Int) *srpExchange {
	n, _ := new(big.Int).SetString(srpModulus, 16)
	g := big.NewInt(2)
	k := hashNumber(pad(n), pad(g))
	return &srpExchange{n: n, g: g, k: k, a: a, public: new(big.Int).Exp(g, a, n)}
}

// srpA returns SRP_A: lower-case hex of even length. Cognito takes odd lengths
// too, other servers don't.
func (x *srpExchange) srpA() string { return hex.EncodeToString(x.public.Bytes()) }

// prove answers the server's SALT, SRP_B and SECRET_BLOCK for a user's
// password. group is the user pool id's part after "_" (for a device: its group
// key), user is USER_ID_FOR_SRP (the device key).
func (x *srpExchange) prove(group, user, password string, p srpParameters, now time.Time) (srpProof, error) {
	key, err := x.sessionKey(group, user, password, p)
	if err != nil {
		return srpProof{}, err
	}
	timestamp := now.UTC().Format(srpTimeLayout)
	mac := hmac.New(sha256.New, key)
	io.WriteString(mac, group+user)
	mac.Write(p.secretBlock)
	io.WriteString(mac, timestamp)
	return srpProof{base64.StdEncoding.EncodeToString(mac.Sum(nil)), timestamp}, nil
}

// sessionKey returns the 16 bytes that both sides arrive at.
func (x *srpExchange) sessionKey(group, user, password string, p srpParameters) ([]byte, error) {
	if new(big.Int).Mod(p.b, x.n).Sign() == 0 {
		return nil, errSRP
	}
	u := hashNumber(pad(x.public), pad(p.b))
	if u.Sign() == 0 {
		return nil, errSRP
	}
	private := srpPrivateKey(p.salt, group, user, password)

	// S = (B - k*g^x) ^ (a + u*x) mod n
	base := new(big.Int).Exp(x.g, private, x.n)
	base.Mul(base, x.k)
	base.Sub(p.b, base)
	base.Mod(base, x.n) // may have been negative; Mod is Euclidean
	exponent := new(big.Int).Mul(u, private)
	exponent.Add(exponent, x.a)
	premaster := new(big.Int).Exp(base, exponent, x.n)

	return hkdf.Key(sha256.New, pad(premaster), pad(u), "Caldera Derived Key", 16)
}

// srpPrivateKey returns x = H(PAD(salt) | H(group | user | ":" | password)).
func srpPrivateKey(salt *big.Int, group, user, password string) *big.Int {
	identity := sha256.Sum256([]byte(group + user + ":" + password))
	return hashNumber(pad(salt), identity[:])
}

// srpParameters is the server's part of an exchange.
type srpParameters struct {
	salt, b     *big.Int
	secretBlock []byte
}

// parseSRPParameters reads SALT, SRP_B and SECRET_BLOCK of a challenge. It fails with errSRP.
func parseSRPParameters(challenge map[string]string) (srpParameters, error) {
	salt, ok1 := hexNumber(challenge["SALT"])
	b, ok2 := hexNumber(challenge["SRP_B"])
	block, err := base64.StdEncoding.DecodeString(challenge["SECRET_BLOCK"])
	if !ok1 || !ok2 || err != nil || len(block) == 0 {
		return srpParameters{}, errSRP
	}
	return srpParameters{salt, b, block}, nil
}

// hexNumber reads an unsigned number; an odd number of digits and leading
// zeros are fine, as SALT has them.
func hexNumber(s string) (*big.Int, bool) {
	if s == "" || len(s) > maxSRPHex {
		return nil, false
	}
	if len(s)%2 == 1 {
		s = "0" + s
	}
	raw, err := hex.DecodeString(s)
	if err != nil {
		return nil, false
	}
	return new(big.Int).SetBytes(raw), true
}

// pad returns n in the fewest big-endian bytes of two's complement, as Java's
// BigInteger.toByteArray: one 0 byte more where the top bit is set, and one for
// 0. It is not RFC 5054's PAD, which fills up to the length of the modulus.
func pad(n *big.Int) []byte {
	raw := n.Bytes()
	if len(raw) == 0 || raw[0]&0x80 != 0 {
		return append([]byte{0}, raw...)
	}
	return raw
}

func hashNumber(parts ...[]byte) *big.Int {
	h := sha256.New()
	for _, p := range parts {
		h.Write(p)
	}
	return new(big.Int).SetBytes(h.Sum(nil))
}

// poolGroup returns what stands for the user pool in SRP: its id after the
// first "_".
func poolGroup(poolID string) string {
	for i := range len(poolID) {
		if poolID[i] == '_' {
			return poolID[i+1:]
		}
	}
	return poolID
}
