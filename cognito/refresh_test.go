package cognito_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/agent/session"
	"github.com/cogtok/cogtok/cognito"
	"github.com/cogtok/cogtok/internal/jwt"
	"github.com/cogtok/cogtok/internal/userpool"
	"github.com/cogtok/cogtok/profiles"
)

func cognitoClock(now func() time.Time) cognito.Config { return cognito.Config{Now: now} }

// cognitoHash computes SECRET_HASH on its own.
func cognitoHash(secret, message string) string {
	h := hmac.New(sha256.New, []byte(secret))
	h.Write([]byte(message))
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

func claims(t *testing.T, token string) map[string]any {
	t.Helper()
	c, err := jwt.Decode(token)
	if err != nil {
		t.Fatal(err)
	}
	return c.Raw
}

func TestRefreshWithRotation(t *testing.T) {
	for _, secret := range []bool{false, true} {
		w := newWorld(t, setup{secret: secret, byEmail: true, client: userpool.Client{Rotation: true}})
		first := w.signedIn()
		second, err := w.refresh(first)
		if err != nil {
			t.Fatal(err)
		}
		if second.RefreshToken.Equal(first.RefreshToken) || !second.FirstRefreshToken.Equal(first.RefreshToken) {
			t.Error("the refresh token was not exchanged, or the first one is lost")
		}
		for _, g := range []session.Grant{first, second} {
			if off := time.Since(g.ServerTime); off < -2*time.Second || off > time.Minute {
				t.Errorf("the server's time is %s", g.ServerTime)
			}
		}
		if !second.SignedInAt.Equal(first.SignedInAt) || second.Username != first.Username {
			t.Errorf("renewing changed the sign-in: %+v", second)
		}
		_, err = w.refresh(first)
		wantKind(t, err, agent.KindLoginRequired, "used already")
		third, err := w.refresh(second)
		if err != nil {
			t.Fatal(err)
		}
		if !third.FirstRefreshToken.Equal(first.RefreshToken) {
			t.Error("the second renewal loses the sign-in's own token")
		}
		if err := w.provider.Revoke(t.Context(), w.profile, w.secret, third); err != nil {
			t.Fatal(err)
		}
		revoked := w.parameters("RevokeToken")
		if len(revoked) != 2 || revoked[0]["Token"] != first.RefreshToken.Reveal() || revoked[1]["Token"] != third.RefreshToken.Reveal() {
			t.Errorf("%d tokens were revoked, not the first and the newest", len(revoked))
		}
		_, err = w.refresh(third)
		wantKind(t, err, agent.KindLoginRequired)
	}
}

// The fallback hashes the user name of the token, whatever the user typed:
// hashing the email fails an hour after a good sign-in.
func TestRefreshFallback(t *testing.T) {
	for _, auth := range []string{profiles.AuthSRP, profiles.AuthPassword} {
		for _, byEmail := range []bool{false, true} {
			w := newWorld(t, setup{auth: auth, secret: true, byEmail: byEmail})
			g := w.signedIn()
			w.server.Fail("GetTokensFromRefreshToken", userpool.UnknownOperation, userpool.Always)
			for range 2 {
				if _, err := w.refresh(g); err != nil {
					t.Fatal(err)
				}
			}
			if n := w.server.Count("GetTokensFromRefreshToken"); n != 1 {
				t.Errorf("the operation was tried %d times: it should be remembered", n)
			}
			w.pool.RevokeRefreshToken(g.RefreshToken.Reveal())
			_, err := w.refresh(g)
			wantKind(t, err, agent.KindLoginRequired, "revoked")
		}
	}
}

// How servers say that they don't know an operation, and how they say other things.
func TestFallbackCauses(t *testing.T) {
	for name, c := range map[string]struct {
		answer    func(w http.ResponseWriter)
		falls     bool
		kindAlone agent.Kind
	}{
		"UnknownOperationException": {func(w http.ResponseWriter) { refused(w, 400, "UnknownOperationException", "") }, true, ""},
		"cognito-local":             {func(w http.ResponseWriter) { refused(w, 500, "CognitoLocal#Unsupported", "") }, true, ""},
		"NotImplemented":            {func(w http.ResponseWriter) { refused(w, 400, "NotImplemented", "") }, true, ""},
		"InvalidAction":             {func(w http.ResponseWriter) { refused(w, 400, "InvalidAction", "") }, true, ""},
		"404":                       {func(w http.ResponseWriter) { w.WriteHeader(404); fmt.Fprint(w, "<html>") }, true, ""},
		"501":                       {func(w http.ResponseWriter) { w.WriteHeader(501) }, true, ""},
		"500 with a page":           {func(w http.ResponseWriter) { w.WriteHeader(500); fmt.Fprint(w, "<html>") }, true, ""},
		"500 with other JSON":       {func(w http.ResponseWriter) { w.WriteHeader(500); fmt.Fprint(w, `{"error":"x"}`) }, true, ""},
		"500 of Cognito":            {func(w http.ResponseWriter) { refused(w, 500, "InternalErrorException", "") }, false, agent.KindService},
		"throttled":                 {func(w http.ResponseWriter) { refused(w, 400, "TooManyRequestsException", "") }, false, agent.KindThrottled},
		"refused":                   {func(w http.ResponseWriter) { refused(w, 400, "NotAuthorizedException", "Refresh Token has expired") }, false, agent.KindLoginRequired},
		"web page":                  {func(w http.ResponseWriter) { fmt.Fprint(w, "<html>") }, false, agent.KindService},
		"cut":                       {cutOff, false, agent.KindNetwork},
	} {
		t.Run(name, func(t *testing.T) {
			tokens := makeTokens(t, nil)
			s := newStage(t, profiles.AuthPassword, func(operation string, _ map[string]any, w http.ResponseWriter) {
				if operation == "GetTokensFromRefreshToken" {
					c.answer(w)
					return
				}
				fmt.Fprint(w, tokens)
			})
			_, err := s.refresh(grant())
			if !c.falls {
				wantKind(t, err, c.kindAlone)
				if n := s.requests.Load(); n != 1 {
					t.Errorf("%d requests, want 1", n)
				}
				return
			}
			if err != nil || s.requests.Load() != 2 {
				t.Errorf("%v after %d requests", err, s.requests.Load())
			}
		})
	}
}

// A gateway that has trouble looks like a server without the operation. It must
// not be remembered as one if the fallback fares no better.
func TestFallbackIsRememberedOnSuccess(t *testing.T) {
	down := true
	tokens := makeTokens(t, nil)
	s := newStage(t, profiles.AuthPassword, func(operation string, _ map[string]any, w http.ResponseWriter) {
		if down {
			w.WriteHeader(503)
			return
		}
		fmt.Fprint(w, tokens)
	})
	_, err := s.refresh(grant())
	wantKind(t, err, agent.KindService, "HTTP 503")
	down = false
	if _, err := s.refresh(grant()); err != nil {
		t.Fatal(err)
	}
	if last := s.sent()[len(s.sent())-1].operation; last != "GetTokensFromRefreshToken" {
		t.Errorf("renewed by %s", last)
	}
}

func TestRefreshEnds(t *testing.T) {
	now := time.Now()
	w := newWorld(t, setup{server: userpool.Config{Now: func() time.Time { return now }}, client: userpool.Client{RefreshTokenLife: time.Hour}})
	g := w.signedIn()
	other := w.pool.AddClient(userpool.Client{Flows: allFlows})
	mine := w.profile
	w.profile.ClientID = other.ID
	_, err := w.refresh(g)
	wantKind(t, err, agent.KindClientMismatch, other.ID)
	w.profile = mine

	garbage := g
	garbage.RefreshToken = agent.NewSecret("marker-garbage")
	_, err = w.refresh(garbage)
	wantKind(t, err, agent.KindLoginRequired)
	_, err = w.refresh(session.Grant{})
	wantKind(t, err, agent.KindLoginRequired)

	for _, fault := range []userpool.Fault{userpool.Throttle, userpool.InternalError, userpool.Reset, userpool.LoseAnswer, userpool.Garbage, userpool.HTML} {
		w.server.Fail("GetTokensFromRefreshToken", fault, 1)
		before := w.server.Count("GetTokensFromRefreshToken")
		_, err = w.refresh(g)
		if !agent.AsError(err).Retryable() {
			t.Errorf("%v: %q, %v", fault, agent.KindOf(err), err)
		}
		if n := w.server.Count("GetTokensFromRefreshToken") - before; n != 1 {
			t.Errorf("%v: the refresh token was sent %d times", fault, n)
		}
	}
	if _, err := w.refresh(g); err != nil {
		t.Fatalf("after the trouble: %v", err)
	}
	now = now.Add(2 * time.Hour)
	_, err = w.refresh(g)
	wantKind(t, err, agent.KindLoginRequired, "expired", "cogtok login prod")
}

func TestRefreshOfUser(t *testing.T) {
	w := newWorld(t, setup{})
	g := w.signedIn()
	w.pool.Disable("rob")
	_, err := w.refresh(g)
	if k := agent.KindOf(err); k != agent.KindUserDisabled && k != agent.KindLoginRequired {
		t.Errorf("disabled: %q, %v", k, err)
	}
	w.pool.DeleteUser("rob")
	_, err = w.refresh(g)
	wantKind(t, err, agent.KindLoginRequired)
}

func TestRefreshSecret(t *testing.T) {
	w := newWorld(t, setup{secret: true})
	g := w.signedIn()
	for _, secret := range []string{"", "marker-wrong-secret-0123456789"} {
		w.secret = agent.NewSecret(secret)
		_, err := w.refresh(g)
		wantKind(t, err, agent.KindClientSecret, "cogtok secret set prod client-secret")
		w.server.Fail("GetTokensFromRefreshToken", userpool.UnknownOperation, 1)
		_, err = w.refresh(g)
		wantKind(t, err, agent.KindClientSecret, "cogtok secret set prod client-secret")
	}
}

func TestRevokeAndSignOut(t *testing.T) {
	w := newWorld(t, setup{secret: true})
	g := w.signedIn()
	if err := w.provider.SignOutEverywhere(t.Context(), w.profile, g); err != nil {
		t.Fatal(err)
	}
	_, err := w.refresh(g)
	wantKind(t, err, agent.KindLoginRequired, "revoked")
	if err := w.provider.Revoke(t.Context(), w.profile, w.secret, g); err != nil {
		t.Errorf("revoking what is revoked: %v", err)
	}
	err = w.provider.SignOutEverywhere(t.Context(), w.profile, g)
	w.checkError(err)
	wantKind(t, err, agent.KindLoginRequired)
	err = w.provider.SignOutEverywhere(t.Context(), w.profile, session.Grant{})
	wantKind(t, err, agent.KindLoginRequired)

	off := newWorld(t, setup{client: userpool.Client{DisableTokenRevocation: true}})
	err = off.provider.Revoke(t.Context(), off.profile, off.secret, off.signedIn())
	off.checkError(err)
	wantKind(t, err, agent.KindRefused, "revocation")
}

// makeTokens returns an answer with tokens whose claims are changed.
func makeTokens(t *testing.T, change func(id, access map[string]any, result map[string]any)) string {
	t.Helper()
	iat := time.Now().Unix()
	id := map[string]any{"iss": "https://x/" + poolID, "sub": "sub", "aud": "client", "token_use": "id", "iat": iat, "exp": iat + 3600, "cognito:username": "rob"}
	access := map[string]any{"iss": "https://x/" + poolID, "sub": "sub", "client_id": "client", "token_use": "access", "iat": iat, "exp": iat + 3600, "username": "rob"}
	result := map[string]any{}
	if change != nil {
		change(id, access, result)
	}
	for name, claims := range map[string]map[string]any{"IdToken": id, "AccessToken": access} {
		if _, set := result[name]; !set {
			result[name] = makeToken(claims)
		}
	}
	answer, _ := json.Marshal(map[string]any{"AuthenticationResult": result})
	return string(answer)
}

func makeToken(claims map[string]any) string {
	payload, _ := json.Marshal(claims)
	return "e30." + base64.RawURLEncoding.EncodeToString(payload) + ".c2ln"
}

// Tokens that are not the profile's are not taken, at sign-in or later.
func TestTokensOfOthers(t *testing.T) {
	for name, c := range map[string]struct {
		change func(id, access, result map[string]any)
		kind   agent.Kind
	}{
		"good":                    {nil, ""},
		"another issuer host":     {func(id, access, _ map[string]any) { id["iss"], access["iss"] = "http://h/"+poolID, "http://h/"+poolID }, ""},
		"no ExpiresIn":            {func(_, _, r map[string]any) { delete(r, "ExpiresIn") }, ""},
		"another pool":            {func(_, access, _ map[string]any) { access["iss"] = "https://x/us-east-1_Other" }, agent.KindUnexpectedIdentity},
		"a longer pool id":        {func(id, _, _ map[string]any) { id["iss"] = "https://x/evil" + poolID }, agent.KindUnexpectedIdentity},
		"another client":          {func(_, access, _ map[string]any) { access["client_id"] = "other" }, agent.KindUnexpectedIdentity},
		"another audience":        {func(id, _, _ map[string]any) { id["aud"] = "other" }, agent.KindUnexpectedIdentity},
		"two users":               {func(id, _, _ map[string]any) { id["sub"] = "other" }, agent.KindUnexpectedIdentity},
		"swapped":                 {func(id, access, _ map[string]any) { id["token_use"], access["token_use"] = "access", "id" }, agent.KindService},
		"no username":             {func(_, access, _ map[string]any) { delete(access, "username") }, agent.KindService},
		"expires before it began": {func(id, _, _ map[string]any) { id["exp"] = id["iat"].(int64) - 1 }, agent.KindService},
		"ID token is no JWT":      {func(_, _, r map[string]any) { r["IdToken"] = "\x1b[31m" }, agent.KindService},
		"a line in the signature": {func(_, access, r map[string]any) { r["AccessToken"] = makeToken(access) + "\r\nX-Evil: 1" }, agent.KindService},
		"a line break at the end": {func(id, _, r map[string]any) { r["IdToken"] = makeToken(id) + "\n" }, agent.KindService},
		"an escape in the end":    {func(id, _, r map[string]any) { r["IdToken"] = makeToken(id) + "\x1b[2J" }, agent.KindService},
		"a space in the header":   {func(_, access, r map[string]any) { r["AccessToken"] = " " + makeToken(access) }, agent.KindService},
	} {
		t.Run(name, func(t *testing.T) {
			answer := makeTokens(t, c.change)
			s := newStage(t, profiles.AuthPassword, func(_ string, _ map[string]any, w http.ResponseWriter) { fmt.Fprint(w, answer) })
			_, _, err := s.login(goodPassword)
			wantKind(t, err, c.kind)
			_, err = s.refresh(grant())
			wantKind(t, err, c.kind)
		})
	}
}

func TestRefreshOfAnotherUser(t *testing.T) {
	var answer string
	s := newStage(t, profiles.AuthPassword, func(_ string, _ map[string]any, w http.ResponseWriter) { fmt.Fprint(w, answer) })
	answer = makeTokens(t, nil)
	in, _, err := s.login(goodPassword)
	if err != nil {
		t.Fatal(err)
	}
	in.Grant.RefreshToken = grant().RefreshToken
	answer = makeTokens(t, func(id, access, _ map[string]any) { id["sub"], access["sub"] = "other", "other" })
	_, err = s.refresh(in.Grant)
	wantKind(t, err, agent.KindUnexpectedIdentity, "another user")
	// After a restart there are no tokens to compare with, but a name.
	answer = makeTokens(t, func(_, access, _ map[string]any) { access["username"] = "bob" })
	_, err = s.refresh(grant())
	wantKind(t, err, agent.KindUnexpectedIdentity, "another user")
}

func TestRefreshWithoutIDToken(t *testing.T) {
	var answer string
	s := newStage(t, profiles.AuthPassword, func(_ string, _ map[string]any, w http.ResponseWriter) { fmt.Fprint(w, answer) })
	answer = makeTokens(t, nil)
	in, _, err := s.login(goodPassword)
	if err != nil {
		t.Fatal(err)
	}
	answer = makeTokens(t, func(_, _, r map[string]any) { r["IdToken"] = "" })
	in.Grant.RefreshToken = grant().RefreshToken
	if g, err := s.refresh(in.Grant); err != nil || g.IDToken != in.Grant.IDToken {
		t.Errorf("the ID token that there was is lost: %v", err)
	}
	g, err := s.refresh(grant())
	if err != nil || g.IDToken != "" || g.AccessToken == "" || !g.FirstRefreshToken.Equal(grant().RefreshToken) {
		t.Errorf("%+v, %v", g, err)
	}
	_, _, err = s.login(goodPassword)
	wantKind(t, err, agent.KindService, "no ID token")
}

// What time it is at the server is its word alone: nothing, if it says nothing
// that can be understood.
func TestServerTime(t *testing.T) {
	then := time.Date(2024, 2, 29, 12, 0, 1, 0, time.UTC)
	for _, c := range []struct {
		date []string
		want time.Time
	}{{[]string{then.Format(http.TimeFormat)}, then}, {nil, time.Time{}}, {[]string{"yesterday"}, time.Time{}}} {
		answer, old := makeTokens(t, nil), false
		s := newStage(t, profiles.AuthPassword, func(operation string, _ map[string]any, w http.ResponseWriter) {
			w.Header()["Date"] = c.date
			if old && operation == "GetTokensFromRefreshToken" {
				refused(w, 400, "UnknownOperationException", "")
				return
			}
			fmt.Fprint(w, answer)
		})
		in, _, err := s.login(goodPassword)
		if err != nil || !in.Grant.ServerTime.Equal(c.want) {
			t.Errorf("sign-in at %q: %v, %v", c.date, in.Grant.ServerTime, err)
		}
		for _, old = range []bool{false, true} {
			before := grant()
			before.ServerTime = time.Now()
			if g, err := s.refresh(before); err != nil || !g.ServerTime.Equal(c.want) {
				t.Errorf("refresh at %q: %v, %v", c.date, g.ServerTime, err)
			}
		}
	}
}

// Where a pool tracks devices, the new device is confirmed at once and its key
// goes with every refresh.
func TestDevice(t *testing.T) {
	for _, confirmed := range []bool{true, false} {
		answer := makeTokens(t, func(_, _, r map[string]any) {
			r["NewDeviceMetadata"] = map[string]string{"DeviceKey": "us-east-1_key", "DeviceGroupKey": "-group"}
		})
		s := newStage(t, profiles.AuthPassword, func(operation string, _ map[string]any, w http.ResponseWriter) {
			switch {
			case operation == "ConfirmDevice" && confirmed:
				fmt.Fprint(w, `{"UserConfirmationNecessary":true}`)
			case operation == "ConfirmDevice":
				refused(w, 400, "NotAuthorizedException", "marker")
			default:
				fmt.Fprint(w, answer)
			}
		})
		in, _, err := s.login(goodPassword)
		if err != nil || in.Grant.DeviceKey != "us-east-1_key" {
			t.Fatalf("%+v, %v", in.Grant, err)
		}
		if logged := strings.Contains(s.log.text(), "device"); logged == confirmed {
			t.Errorf("confirmed %v: the log says %q", confirmed, s.log.text())
		}
		in.Grant.RefreshToken = grant().RefreshToken
		next, err := s.refresh(in.Grant)
		if err != nil || next.DeviceKey != "us-east-1_key" {
			t.Fatalf("%+v, %v", next, err)
		}
		if last := s.sent()[len(s.sent())-1]; last.body["DeviceKey"] != "us-east-1_key" {
			t.Errorf("%s %v", last.operation, last.body)
		}
	}
}
