package userpool

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// signatureWindow is how far a signature's time may be from the machine's.
const signatureWindow = 5 * time.Minute

// Credential is an IAM access key that may sign the Admin* operations.
type Credential struct {
	AccessKeyID     string
	SecretAccessKey string
	SessionToken    string    // must come with the request, if set
	Expires         time.Time // zero: never

	// Actions are the operations that its policy allows, such as
	// "AdminInitiateAuth"; nil allows all.
	Actions []string
}

// TestCredential is the access key that a server knows by default: the one of
// AWS's own documentation.
func TestCredential() Credential {
	return Credential{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", SecretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}
}

// authorization is a parsed Authorization header of Signature Version 4.
type authorization struct {
	key, date, region, service string
	headers                    []string
	signature                  string
}

// authenticate checks the signature of a request to a signed operation, and
// then whether the policy allows it:
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
func (s *Server) authenticate(r *http.Request, body []byte, operation, poolID string) *apiError {
	header := r.Header.Get("Authorization")
	if header == "" {
		return refuse("MissingAuthenticationTokenException", "Missing Authentication Token")
	}
	auth, ok := parseAuthorization(header)
	if !ok {
		return refuse("IncompleteSignatureException", "Authorization header requires 'Credential', 'SignedHeaders' and 'Signature' parameters.")
	}
	credential, refusal := s.credential(auth.key, r.Header.Get("X-Amz-Security-Token"))
	if refusal != nil {
		return refusal
	}
	if refusal := auth.check(r, body, credential, s.region(poolID)); refusal != nil {
		return refusal
	}
	if credential.Actions != nil && !slices.Contains(credential.Actions, operation) {
		return refuse("AccessDeniedException", "User: arn:aws:iam::123456789012:user/%s is not authorized to perform: cognito-idp:%s"+
			" on resource: arn:aws:cognito-idp:%s:123456789012:userpool/%s because no identity-based policy allows the cognito-idp:%s action",
			credential.AccessKeyID, operation, s.region(poolID), poolID, operation)
	}
	return nil
}

func (s *Server) credential(key, sessionToken string) (Credential, *apiError) {
	i := slices.IndexFunc(s.config.Credentials, func(c Credential) bool { return c.AccessKeyID == key })
	if i < 0 || s.config.Credentials[i].SessionToken != sessionToken {
		return Credential{}, refuse("UnrecognizedClientException", "The security token included in the request is invalid.")
	}
	c := s.config.Credentials[i]
	if !c.Expires.IsZero() && time.Now().After(c.Expires) {
		return Credential{}, refuse("ExpiredTokenException", "The security token included in the request is expired")
	}
	return c, nil
}

// region is the one that a request about a pool must be signed for; "" for any.
func (s *Server) region(poolID string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if pool := s.pools[poolID]; pool != nil {
		return pool.config.Region
	}
	return ""
}

func parseAuthorization(header string) (authorization, bool) {
	rest, ok := strings.CutPrefix(header, "AWS4-HMAC-SHA256 ")
	if !ok {
		return authorization{}, false
	}
	fields := map[string]string{}
	for part := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		fields[name] = value
	}
	scope := strings.Split(fields["Credential"], "/")
	if len(scope) != 5 || scope[4] != "aws4_request" || fields["SignedHeaders"] == "" || fields["Signature"] == "" {
		return authorization{}, false
	}
	return authorization{
		key: scope[0], date: scope[1], region: scope[2], service: scope[3],
		headers: strings.Split(fields["SignedHeaders"], ";"), signature: fields["Signature"],
	}, true
}

// check judges scope, time and signature.
func (a authorization) check(r *http.Request, body []byte, credential Credential, region string) *apiError {
	invalid := func(format string, args ...any) *apiError {
		return refuse("InvalidSignatureException", format, args...)
	}
	stamp := r.Header.Get("X-Amz-Date")
	signed, err := time.Parse("20060102T150405Z", stamp)
	switch {
	case err != nil || signed.Format("20060102") != a.date:
		return invalid("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP")
	case a.service != "cognito-idp":
		return invalid("Credential should be scoped to correct service: 'cognito-idp'. ")
	case region != "" && a.region != region:
		return invalid("Credential should be scoped to a valid region. ")
	case time.Since(signed) > signatureWindow:
		return invalid("Signature expired: %s is now earlier than %s", stamp, time.Now().UTC().Add(-signatureWindow).Format("20060102T150405Z"))
	case time.Until(signed) > signatureWindow:
		return invalid("Signature not yet current: %s is still later than %s", stamp, time.Now().UTC().Add(signatureWindow).Format("20060102T150405Z"))
	case !a.coversRequest():
		return invalid("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
	case !hmac.Equal([]byte(a.signature), []byte(a.sign(r, body, credential.SecretAccessKey, stamp))):
		return invalid("The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
	}
	return nil
}

// coversRequest says whether what decides the request is signed.
func (a authorization) coversRequest() bool {
	return slices.Contains(a.headers, "host") && slices.Contains(a.headers, "x-amz-date")
}

// sign computes the signature that the request should have.
func (a authorization) sign(r *http.Request, body []byte, secret, stamp string) string {
	var headers strings.Builder
	for _, name := range a.headers {
		fmt.Fprintf(&headers, "%s:%s\n", name, headerValue(r, name))
	}
	path := r.URL.EscapedPath()
	canonical := strings.Join([]string{
		r.Method, path, canonicalQuery(r.URL), headers.String(), strings.Join(a.headers, ";"), hex.EncodeToString(hash(body)),
	}, "\n")
	scope := strings.Join([]string{a.date, a.region, a.service, "aws4_request"}, "/")
	toSign := strings.Join([]string{"AWS4-HMAC-SHA256", stamp, scope, hex.EncodeToString(hash([]byte(canonical)))}, "\n")
	key := []byte("AWS4" + secret)
	for _, part := range []string{a.date, a.region, a.service, "aws4_request", toSign} {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	return hex.EncodeToString(key)
}

func canonicalQuery(u *url.URL) string {
	return strings.ReplaceAll(u.Query().Encode(), "+", "%20")
}

// headerValue is a header as it is signed: values joined, blanks squeezed. Host
// and length aren't among net/http's headers.
func headerValue(r *http.Request, name string) string {
	switch name {
	case "host":
		return r.Host
	case "content-length":
		return strconv.FormatInt(r.ContentLength, 10)
	}
	var values []string
	for _, value := range r.Header.Values(name) {
		values = append(values, strings.Join(strings.Fields(value), " "))
	}
	return strings.Join(values, ",")
}
