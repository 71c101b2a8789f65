package main

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

const result = `{"version":1,"profile":"prod","type":"id","token":"eyJ.a.b","header":"Authorization","value":"Bearer eyJ.a.b","expires_at":"2026-11-22T19:00:00Z","expires_in":3600,"issued_at":"2026-11-22T18:00:00Z","username":"rob@example.com","sub":"1-2-3"}`

// texts is a reply that can be compared.
type texts struct{ token, header, value, warning string }

func (r reply) texts() texts {
	return texts{string(r.token), string(r.header), string(r.value), string(r.warning)}
}

var wanted = texts{token: "eyJ.a.b", header: "Authorization", value: "Bearer eyJ.a.b"}

func TestReadReply(t *testing.T) {
	warned := wanted
	warned.warning = `it's "short"`
	for name, tt := range map[string]struct {
		line string
		want texts
	}{
		"as the agent writes it": {`{"jsonrpc":"2.0","id":1,"result":` + result + "}\n", wanted},
		"another order":          {`{"result":` + result + `,"id":1,"jsonrpc":"2.0"}`, wanted},
		"white space":            {" \t{ \"id\" : 1 ,\r\"result\" : {\"token\" :\"eyJ.a.b\", \"header\":\"Authorization\" , \"value\": \"Bearer eyJ.a.b\" } } \r\n", wanted},
		"escapes":                {`{"\u0069d":1,"result":{"\u0074oken":"eyJ\u002ea\u002Eb","header":"Authorization","value":"Bearer eyJ.a.b"}}`, wanted},
		"a warning":              {`{"id":1,"result":{"warning":"it's \"short\"","token":"eyJ.a.b","header":"Authorization","value":"Bearer eyJ.a.b"}}`, warned},
		"the last one counts":    {`{"id":2,"result":{"token":"a","warning":"w"},"result":{"token":"b","token":"eyJ.a.b","header":"Authorization","value":"Bearer eyJ.a.b"},"id":1}`, wanted},
		"more members":           {`{"x":[{"token":"no","a":[[],{}]},null,-0.5e+3,true,false,"\ud83d\ude00 é"],"id":1,"result":{"y":{"token":"no"},"token":"eyJ.a.b","header":"Authorization","value":"Bearer eyJ.a.b","é":0}}`, wanted},
	} {
		t.Run(name, func(t *testing.T) {
			got, ok := readReply([]byte(tt.line))
			if !ok || got.texts() != tt.want {
				t.Errorf("got %+v, %v, want %+v", got.texts(), ok, tt.want)
			}
		})
	}
}

func TestReadReplyRefuses(t *testing.T) {
	good := `{"jsonrpc":"2.0","id":1,"result":` + result + "}"
	if _, ok := readReply([]byte(good)); !ok {
		t.Fatal("the reply that the others are made from is refused")
	}
	lines := map[string]string{
		"nothing": "", "a newline": "\n", "garbage": "HTTP/1.1 400 Bad Request\r\n", "null": "null", "an array": "[]", "a string": `"x"`,
		"an error":          `{"jsonrpc":"2.0","id":1,"error":{"code":3,"message":"sign-in needed"}}`,
		"error and result":  `{"id":1,"error":null,"result":` + result + "}",
		"a prompt":          `{"jsonrpc":"2.0","id":"p1","method":"prompt","params":{"kind":"mfa","text":"Code","echo":true}}`,
		"prompt and result": `{"id":1,"method":"prompt","result":` + result + "}",
		"another id":        `{"id":2,"result":` + result + "}",
		"a string id":       `{"id":"1","result":` + result + "}",
		"no id":             `{"result":` + result + "}",
		"id null":           `{"id":null,"result":` + result + "}",
		"a later other id":  `{"id":1,"result":` + result + `,"id":2}`,
		"no result":         `{"id":1}`,
		"result null":       `{"id":1,"result":null}`,
		"result a string":   `{"id":1,"result":"eyJ"}`,
		"two lines":         good + "\n" + good + "\n",
		"not UTF-8":         strings.Replace(good, "rob@", "rob\xff", 1),
		"too deep":          `{"id":1,"x":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `,"result":` + result + "}",
		"endlessly deep":    `{"id":1,"x":` + strings.Repeat("[", 1<<20),
		"a number":          strings.Replace(good, `"eyJ.a.b"`, `1`, 1),
		"value null":        strings.Replace(good, `"Bearer eyJ.a.b"`, `null`, 1),
		"empty token":       strings.Replace(good, `"eyJ.a.b"`, `""`, 1),
		"no header":         strings.Replace(good, `"header"`, `"Header"`, 1),
	}
	for name, smuggled := range map[string]string{
		"newline": `\n`, "carriage return": `\r`, "tab": `\t`, "escape": `\u001b`, "NUL": `\u0000`, "DEL": `\u007f`, "C1": `\u009b`,
		"space": " ", "not ASCII": "é", "bidi": `\u202e`,
	} {
		lines[name+" in the token"] = strings.Replace(good, `"token":"eyJ`, `"token":"eyJ`+smuggled, 1)
		lines[name+" in the header's name"] = strings.Replace(good, `"Auth`, `"Auth`+smuggled, 1)
		if smuggled != " " {
			lines[name+" in the header's value"] = strings.Replace(good, `"Bearer`, `"Bearer`+smuggled, 1)
			lines[name+" in the warning"] = strings.Replace(good, `"header"`, `"warning":"oh`+smuggled+`","header"`, 1)
		}
	}
	for name, line := range lines {
		if got, ok := readReply([]byte(line)); ok {
			t.Errorf("%s is read as %+v", name, got.texts())
		}
	}
	for n := range len(good) {
		if got, ok := readReply([]byte(good[:n])); ok {
			t.Errorf("cut after %d bytes it is read as %+v", n, got.texts())
		}
	}
}

// Whatever is taken for a reply, encoding/json reads the same from it.
func FuzzReadReply(f *testing.F) {
	f.Add([]byte(`{"jsonrpc":"2.0","id":1,"result":` + result + "}\n"))
	f.Add([]byte(`{"result":{"token":"a","header":"b","value":"\u0041","warning":"\\\" \/\b"},"id":1}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		got, ok := readReply(line)
		if !ok {
			return
		}
		// Into maps, since names of struct members would match in any case.
		var message, result map[string]any
		if err := json.Unmarshal(line, &message); err != nil {
			t.Fatalf("%q is taken: %v", line, err)
		}
		result, _ = message["result"].(map[string]any)
		text := func(member string) string { s, _ := result[member].(string); return s }
		want := texts{text("token"), text("header"), text("value"), text("warning")}
		if got.texts() != want || message["id"] != 1.0 {
			t.Errorf("%q: got %+v, want %+v", line, got.texts(), want)
		}
	})
}

// The scanner takes what encoding/json takes, and nothing else.
func FuzzScanner(f *testing.F) {
	for _, text := range []string{
		`{"a":[1,-0,0.5,1e9,1E+2,2e-3,true,false,null,"\u00e9\ud83d\ude00\ud83d\n"],"b":{}}`, `[`, `01`, `1.`, `.5`, `+1`, `-`, `1e`, `tru`, `"\x"`,
		`"\u12"`, "\"\x01\"", `{"a"}`, `{"a":1,}`, `[1,]`, `{,}`, `{a:1}`, `"\ud800\u0041"`, `1 2`, ``, " ", "\x00", `"\uD83D\uDE00"`, `""""`, `[]]`,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		if !utf8.Valid(text) {
			t.Skip() // readReply refuses it first
		}
		s := scanner{text: text}
		s.skip(maxDepth)
		if got, want := s.ended(), json.Valid(text); got != want && (got || depth(text) <= maxDepth-1) {
			t.Fatalf("%q: got %v, want %v", text, got, want)
		}
		var want string
		if json.Unmarshal(text, &want) == nil && text[0] == '"' {
			s = scanner{text: text}
			if got := string(s.string()); got != want || !s.ended() {
				t.Errorf("%q: got %q, want %q", text, got, want)
			}
		}
	})
}

// depth is how deep a valid JSON text is nested.
func depth(text []byte) int {
	deepest, now, inString := 0, 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			now++
			deepest = max(deepest, now)
		case c == '}' || c == ']':
			now--
		}
	}
	return deepest
}
