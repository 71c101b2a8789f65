package session

import (
	"context"
	"encoding/json"
	"reflect"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cogtok/cogtok/agent"
	"github.com/cogtok/cogtok/profiles"
	"github.com/cogtok/cogtok/store"
)

// A troubled store has troubles that the one inside doesn't have.
type troubled struct {
	store.Store
	mu       sync.Mutex
	stuck    bool  // calls wait for their context
	broken   error // calls fail
	onlyRead bool
	onPut    func(name string)
}

func (s *troubled) trouble(ctx context.Context) error {
	s.mu.Lock()
	stuck, broken := s.stuck, s.broken
	s.mu.Unlock()
	if stuck {
		<-ctx.Done()
		return ctx.Err()
	}
	return broken
}

func (s *troubled) set(stuck bool, broken error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stuck, s.broken = stuck, broken
}

func (s *troubled) Get(ctx context.Context, name string) ([]byte, error) {
	if err := s.trouble(ctx); err != nil {
		return nil, err
	}
	return s.Store.Get(ctx, name)
}

func (s *troubled) Put(ctx context.Context, name string, value []byte) error {
	if err := s.trouble(ctx); err != nil {
		return err
	}
	if s.onlyRead {
		return &store.UnavailableError{Reason: "it is read-only"}
	}
	if s.onPut != nil {
		s.onPut(name)
	}
	return s.Store.Put(ctx, name, value)
}

func (s *troubled) Delete(ctx context.Context, name string) error {
	if err := s.trouble(ctx); err != nil {
		return err
	}
	return s.Store.Delete(ctx, name)
}

// sessions makes the rig's session store one that can be troubled.
func (r *rig) sessions() *troubled {
	s := &troubled{Store: r.vault.Sessions}
	r.vault.Sessions = s
	return s
}

func (r *rig) storedRefreshToken() string {
	r.t.Helper()
	data, err := r.vault.Sessions.Get(context.Background(), recordName(r.files["prod"]))
	if err != nil {
		r.t.Fatal(err)
	}
	var stored record
	if err := json.Unmarshal(data, &stored); err != nil {
		r.t.Fatal(err)
	}
	return stored.RefreshToken
}

func TestRotationIsStoredBeforeItIsPublished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		s := r.sessions()
		r.pool.rotate = true
		k := r.start()
		r.login(agent.Caller{})
		before := k.session(r.files["prod"]).token(agent.TypeID).jwt
		for range 20 {
			s.onPut = func(string) {
				if got := k.session(r.files["prod"]).token(agent.TypeID).jwt; got != before {
					t.Error("the new token was published before its refresh token was stored")
				}
			}
			time.Sleep(2 * time.Hour)
			got, err := r.token(agent.Caller{}, agent.TokenRequest{})
			if err != nil {
				t.Fatal(err)
			}
			if !r.pool.valid[r.storedRefreshToken()] {
				t.Fatal("the stored refresh token is not the one that is good")
			}
			before = got.Token
		}
		// kill -9 at any time between calls loses nothing.
		r.kill()
		s.onPut = nil
		r.start()
		if _, err := r.token(agent.Caller{}, agent.TokenRequest{}); err != nil {
			t.Error(err)
		}
	})
}

func TestWithoutRotationNothingIsWritten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		s := r.sessions()
		r.start()
		r.login(agent.Caller{})
		s.onPut = func(name string) { t.Errorf("wrote %s", name) }
		for range 5 {
			time.Sleep(2 * time.Hour)
			if _, err := r.token(agent.Caller{}, agent.TokenRequest{}); err != nil {
				t.Fatal(err)
			}
		}
		r.restart()
		if _, err := r.token(agent.Caller{}, agent.TokenRequest{}); err != nil {
			t.Fatal(err)
		}
	})
}

func TestStuckStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		s := r.sessions()
		r.pool.rotate = true
		k := r.start()
		r.login(agent.Caller{})
		time.Sleep(2 * time.Hour)
		s.set(true, nil)
		began := time.Now()
		if _, err := r.token(agent.Caller{}, agent.TokenRequest{}); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took > 3200*time.Millisecond {
			t.Errorf("took %v", took)
		}
		began = time.Now()
		st, err := k.Status(t.Context(), agent.Caller{}, agent.StatusRequest{})
		if err != nil || !st.Profiles[0].Unpersisted || st.Profiles[0].Problem == "" {
			t.Errorf("status %+v, %v", st, err)
		}
		if _, err := r.token(agent.Caller{}, agent.TokenRequest{}); err != nil {
			t.Error(err)
		}
		if took := time.Since(began); took > 0 {
			t.Errorf("a token at hand took %v", took)
		}
		s.set(false, nil)
		time.Sleep(20 * time.Second)
		if !r.pool.valid[r.storedRefreshToken()] {
			t.Error("the refresh token was not stored later")
		}
		if st, _ := k.Status(t.Context(), agent.Caller{}, agent.StatusRequest{}); st.Profiles[0].Unpersisted {
			t.Errorf("status %+v", st)
		}
	})
}

// A store that doesn't even look at its context, as a disk that hangs.
func TestDiskThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		gate := make(chan struct{})
		s := r.sessions()
		r.pool.rotate = true
		k := r.start()
		r.login(agent.Caller{})
		time.Sleep(2 * time.Hour)
		s.onPut = func(string) { <-gate }
		for range 3 {
			began := time.Now()
			if _, err := r.token(agent.Caller{}, agent.TokenRequest{}); err != nil {
				t.Fatal(err)
			}
			if took := time.Since(began); took > 3200*time.Millisecond {
				t.Errorf("took %v", took)
			}
			time.Sleep(time.Hour)
		}
		if st, _ := k.Status(t.Context(), agent.Caller{}, agent.StatusRequest{}); !st.Profiles[0].Unpersisted {
			t.Errorf("status %+v", st)
		}
		close(gate)
		time.Sleep(2 * time.Minute)
		if !r.pool.valid[r.storedRefreshToken()] {
			t.Error("the newest refresh token was not stored")
		}
	})
}

func TestUnsavedIsSavedAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		s := r.sessions()
		r.pool.rotate = true
		r.start()
		r.login(agent.Caller{})
		time.Sleep(2 * time.Hour)
		s.set(false, &store.UnavailableError{Reason: "the disk is full"})
		if _, err := r.token(agent.Caller{}, agent.TokenRequest{}); err != nil {
			t.Fatal(err)
		}
		s.set(false, nil)
		r.restart()
		if _, err := r.token(agent.Caller{}, agent.TokenRequest{}); err != nil {
			t.Error(err)
		}
	})
}

// Closing lets a renewal that is under way end, and stores what it brings.
func TestCloseWaitsForARenewal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.pool.rotate = true
		r.start()
		r.login(agent.Caller{})
		time.Sleep(2 * time.Hour)
		r.pool.delay = 2 * time.Second
		go r.token(agent.Caller{}, agent.TokenRequest{})
		synctest.Wait()
		r.restart()
		if _, err := r.token(agent.Caller{}, agent.TokenRequest{}); err != nil {
			t.Error(err)
		}
	})
}

func TestNoStoreNoSignIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		p := r.files["prod"]
		p.Store = profiles.StoreKeychain
		r.files["prod"] = p
		s := r.sessions()
		s.set(false, &store.UnavailableError{Reason: "there is no keychain on this machine"})
		k := r.start()
		person := &script{answers: map[string]string{agent.PromptPassword: rightPassword}}
		_, err := k.Login(t.Context(), agent.Caller{Prompter: person}, agent.LoginRequest{})
		e := wantKind(t, err, agent.KindStore)
		for _, want := range []string{"store: file", "store: memory"} {
			if !strings.Contains(e.Hint, want) {
				t.Errorf("the hint %q doesn't offer %q", e.Hint, want)
			}
		}
		if n, _ := r.pool.counts(); n != 0 || len(person.kinds()) != 0 {
			t.Errorf("%d sign-ins, asked %v", n, person.kinds())
		}
	})
}

// The store fails after tokens were had: they are served as long as they live.
func TestCachedTokenWithoutStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		s := r.sessions()
		r.start()
		r.login(agent.Caller{})
		s.set(true, nil)
		if _, err := r.token(agent.Caller{}, agent.TokenRequest{}); err != nil {
			t.Error(err)
		}
		r.kill()
		r.start()
		began := time.Now()
		_, err := r.token(agent.Caller{}, agent.TokenRequest{})
		wantKind(t, err, agent.KindStore)
		if took := time.Since(began); took > 3200*time.Millisecond {
			t.Errorf("took %v", took)
		}
		began = time.Now()
		st, err := r.keeper.Status(t.Context(), agent.Caller{}, agent.StatusRequest{})
		if err != nil || st.Profiles[0].State != agent.StateUnknown || st.Profiles[0].Problem == "" {
			t.Errorf("status %+v, %v", st, err)
		}
		if took := time.Since(began); took > 3200*time.Millisecond {
			t.Errorf("status took %v", took)
		}
	})
}

// Another agent has renewed the session that this one has in memory.
func TestAnotherWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		r.pool.rotate = true
		first := r.start()
		r.login(agent.Caller{})
		r.keeper = nil
		t.Cleanup(func() { first.Close(context.Background()) })
		time.Sleep(2 * time.Hour)
		r.start()
		if _, err := r.token(agent.Caller{}, agent.TokenRequest{}); err != nil {
			t.Fatal(err)
		}
		if _, err := first.Token(t.Context(), agent.Caller{}, agent.TokenRequest{}); err != nil {
			t.Errorf("the first agent lost the session: %v", err)
		}
	})
}

func TestDamagedRecord(t *testing.T) {
	for _, data := range []string{"", "{", "null", `{"version":2}`, `{"version":1,"session":"another","refresh_token":"x"}`, "\x00\xff"} {
		synctest.Test(t, func(t *testing.T) {
			r := newRig(t)
			if err := r.vault.Sessions.Put(t.Context(), recordName(r.files["prod"]), []byte(data)); err != nil {
				t.Fatal(err)
			}
			r.start()
			_, err := r.token(agent.Caller{}, agent.TokenRequest{})
			wantKind(t, err, agent.KindLoginRequired)
			r.login(agent.Caller{})
		})
	}
}

// Whatever a Grant has to carry from one run to the next must be in a record.
func TestRecordKeepsTheGrant(t *testing.T) {
	var g Grant
	v := reflect.ValueOf(&g).Elem()
	for i := range v.NumField() {
		switch f := v.Field(i); f.Interface().(type) {
		case string:
			f.SetString(v.Type().Field(i).Name)
		case agent.Secret:
			f.Set(reflect.ValueOf(agent.NewSecret(v.Type().Field(i).Name)))
		case time.Time:
			f.Set(reflect.ValueOf(time.Unix(1_800_000_000, 0).UTC()))
		default:
			t.Fatalf("field %s: a new type: see that a record keeps it", v.Type().Field(i).Name)
		}
	}
	g.IDToken, g.AccessToken, g.ServerTime = "", "", time.Time{} // not kept
	data, err := json.Marshal(record{}.with(g))
	if err != nil {
		t.Fatal(err)
	}
	var r record
	if err := json.Unmarshal(data, &r); err != nil {
		t.Fatal(err)
	}
	got := r.grant()
	for i := range v.NumField() {
		a, b := reflect.ValueOf(got).Field(i).Interface(), v.Field(i).Interface()
		if s, ok := a.(agent.Secret); ok {
			a, b = s.Reveal(), b.(agent.Secret).Reveal()
		}
		if a != b {
			t.Errorf("%s: %v, want %v", v.Type().Field(i).Name, a, b)
		}
	}
}
