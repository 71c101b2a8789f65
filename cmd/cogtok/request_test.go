package main

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestRequest(t *testing.T) {
	for _, tt := range []struct {
		call call
		want string
	}{
		{call{minTTL: noMinTTL}, `{"interactive":false,"session_only":true}`},
		{call{minTTL: 0}, `{"interactive":false,"session_only":true,"min_ttl":0}`},
		{
			call{profile: "prod", typ: "id", config: "/c", minTTL: 120, force: true, quiet: true, output: "header", socket: "/s"},
			`{"interactive":false,"session_only":true,"profile":"prod","type":"id","config":"/c","min_ttl":120,"force":true}`,
		},
		{
			call{profile: "a\"b\\c\n\x01\x7f\u2028é", minTTL: noMinTTL},
			`{"interactive":false,"session_only":true,"profile":"a\"b\\c\u000a\u0001` + "\x7f\u2028é" + `"}`,
		},
	} {
		want := `{"jsonrpc":"2.0","id":1,"method":"token","params":` + tt.want + "}\n"
		got := string(tt.call.request())
		if got != want {
			t.Errorf("%+v:\ngot  %swant %s", tt.call, got, want)
		}
		if !json.Valid([]byte(got)) || strings.Count(got, "\n") != 1 {
			t.Errorf("%+v: no line of JSON: %s", tt.call, got)
		}
	}
}

func FuzzRequest(f *testing.F) {
	f.Add("prod", "/home/rob/\"config\".yaml", int64(120))
	f.Fuzz(func(t *testing.T, profile, config string, minTTL int64) {
		if !utf8.ValidString(profile) || !utf8.ValidString(config) || minTTL < 0 {
			t.Skip() // parse lets none through
		}
		line := call{profile: profile, config: config, minTTL: minTTL}.request()
		var got struct{ Params map[string]any }
		if err := json.Unmarshal(line, &got); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		want := map[string]any{"interactive": false, "session_only": true, "min_ttl": float64(minTTL)}
		if profile != "" {
			want["profile"] = profile
		}
		if config != "" {
			want["config"] = config
		}
		if !reflect.DeepEqual(got.Params, want) {
			t.Errorf("got %v, want %v", got.Params, want)
		}
	})
}
