package agent

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
)

// frame puts a message in one of the framings.
func frame(f framing, message string) string {
	if f == headers {
		return "Content-Length: " + strconv.Itoa(len(message)) + "\r\n\r\n" + message
	}
	return message + "\n"
}

func TestFramings(t *testing.T) {
	for _, f := range []framing{lines, headers} {
		messages := []string{`{"a":1}`, `{"b":"é"}`, `{"c":"` + strings.Repeat("x", 5000) + `"}`, `{}`}
		var stream string
		for _, m := range messages {
			stream += frame(f, m)
		}
		// One byte a read: a frame may come in any pieces.
		in := newFrameReader(oneByte{strings.NewReader(stream)}, maxFromClient)
		for _, want := range messages {
			if got, err := in.next(); err != nil || string(got) != want {
				t.Fatalf("framing %d: %.40q, %v", f, got, err)
			}
		}
		if _, err := in.next(); err != io.EOF {
			t.Errorf("at the end: %v", err)
		}
	}
}

type oneByte struct{ r io.Reader }

func (o oneByte) Read(p []byte) (int, error) { return o.r.Read(p[:1]) }

func TestEncode(t *testing.T) {
	m := outgoing{Version: "2.0", ID: 1, Result: map[string]string{"text": "<é>&\u2028"}}
	for f, want := range map[framing]string{
		lines:   `{"jsonrpc":"2.0","id":1,"result":{"text":"<é>&\u2028"}}` + "\n",
		headers: "Content-Length: 56\r\n\r\n" + `{"jsonrpc":"2.0","id":1,"result":{"text":"<é>&\u2028"}}`,
	} {
		got, err := f.encode(m, maxFromAgent)
		if err != nil || string(got) != want {
			t.Errorf("%q, %v", got, err)
		}
		back, err := newFrameReader(bytes.NewReader(got), maxFromAgent).next()
		if err != nil || !json.Valid(back) {
			t.Errorf("read back: %q, %v", back, err)
		}
		if _, err := f.encode(m, 55); err != errTooLong {
			t.Errorf("over the limit: %v", err)
		}
	}
}

// TestLimits: a message of the greatest length passes, one byte more doesn't,
// and a length is believed before any memory is taken for it.
func TestLimits(t *testing.T) {
	for _, f := range []framing{lines, headers} {
		for _, tt := range []struct {
			length int
			want   error
		}{{maxFromClient, nil}, {maxFromClient + 1, errTooLong}} {
			message := "{" + strings.Repeat(" ", tt.length-2) + "}"
			got, err := newFrameReader(strings.NewReader(frame(f, message)), maxFromClient).next()
			if err != tt.want || err == nil && len(got) != tt.length {
				t.Errorf("framing %d, %d bytes: %d bytes, %v", f, tt.length, len(got), err)
			}
		}
	}
	for name, endless := range map[string]io.Reader{
		"line":   io.MultiReader(strings.NewReader("{"), endlessly('x')),
		"length": strings.NewReader("Content-Length: 2147483647\r\n\r\n{"),
		"4 GiB":  strings.NewReader("Content-Length: 4294967296\r\n\r\n{"),
		"header": io.MultiReader(strings.NewReader("C"), endlessly('x')),
		"many":   strings.NewReader(strings.Repeat("C: 1\r\n", 1000)),
	} {
		in := newFrameReader(endless, maxFromClient)
		allocated := testing.AllocsPerRun(1, func() { _, _ = in.next() })
		if _, err := in.next(); err == nil || allocated > 100 {
			t.Errorf("%s: %v, %v allocations", name, err, allocated)
		}
	}
}

type endlessly byte

func (e endlessly) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(e)
	}
	return len(p), nil
}

// malformed are messages that the agent has to refuse, by the code.
func malformed() map[string]int {
	m := map[string]int{}
	add := func(code int, messages ...string) {
		for _, s := range messages {
			m[s] = code
		}
	}
	call := `{"jsonrpc":"2.0","id":1,"method":"token"`
	add(codeParse, "", " ", "x", "null x", "{", "}", "[", "]", `"`, `{"`, `{"a`, `{"a"`, `{"a":`, `{"a":1`, `{"a":1,`, `{"a":1,}`, `{a:1}`, `{'a':1}`,
		`{"a" 1}`, `{"a":}`, `{:1}`, `{,}`, `[1,]`, `[,1]`, `{"a":01}`, `{"a":+1}`, `{"a":1.}`, `{"a":.5}`, `{"a":1e}`, `{"a":0x1}`, `{"a":NaN}`,
		`{"a":Infinity}`, `{"a":-Infinity}`, `{"a":-}`, `{"a":tru}`, `{"a":True}`, `{"a":nul}`, `{"a":undefined}`, `{"a":"\x"}`, `{"a":"\u12"}`,
		`{"a":"\u12g4"}`, "{\"a\":\"\x00\"}", "{\"a\":\"\x01\"}", "{\"a\":\"tab\t\"}", "{\"a\":\"\xff\"}", "{\"a\":\"\xc0\x80\"}",
		"{\"a\":\"\xed\xa0\x80\"}", "{\"a\":\"\xf5\x80\x80\x80\"}", "{\"\xfe\":1}", "\xef\xbb\xbf{}", "\xfe\xff\x00{\x00}", "{}{}", "{} {}", "{}x", "{},", "[]{}", "1 2", `{}""`,
		"/**/{}", "{}//", `{"a":1 /* */}`, "{\x00}", "GET / HTTP/1.1\r", "\x16\x03\x01", "\x00\x00\x00\x05hello", "--", "<xml/>", "a=1&b=2",
		`{"a":"\ud800"}`, `{"a":"\udc00\ud800"}`, `{"a":"\uD800x"}`, `{"\ud800":1}`, `{"a":"\ud800\u0041"}`,
		`{"a":1,"a":2}`, `{"a":1,"\u0061":2}`, `{"x":{"a":1,"a":1}}`, `{"x":[{"a":1,"b":2,"a":3}]}`, `{"":1,"":2}`, `{"é":1,"\u00e9":2}`,
		call+`,"method":"stop"}`, call+`,"id":2}`, call+`,"params":{"profile":"a","profile":"b"}}`,
		strings.Repeat("[", 17)+strings.Repeat("]", 17), strings.Repeat("[", 30000), strings.Repeat(`{"a":`, 17)+"1"+strings.Repeat("}", 17),
		strings.Repeat(`{"a":[`, 9)+strings.Repeat("]}", 9), call+`,"params":`+strings.Repeat(`{"a":`, 16)+"1"+strings.Repeat("}", 17),
	)
	add(codeRequest, "null", "true", "false", "0", "-1", "1e5", `"text"`, "[]", "[1]", `["jsonrpc","2.0"]`, "["+call+"}]", "{}", `{"jsonrpc":"2.0"}`,
		`{"jsonrpc":"2.0","id":1}`, `{"jsonrpc":"2.0","method":1,"id":1}`, `{"jsonrpc":"2.0","method":null,"id":1}`, `{"jsonrpc":"2.0","method":"","id":1}`,
		`{"jsonrpc":"2.0","method":["token"],"id":1}`, `{"jsonrpc":"1.0","method":"token","id":1}`, `{"jsonrpc":2.0,"method":"token","id":1}`,
		`{"jsonrpc":"2","method":"token","id":1}`, `{"jsonrpc":null,"method":"token","id":1}`, `{"method":"token","id":1}`, `{"JSONRPC":"2.0","method":"token","id":1}`,
		`{"jsonrpc":"2.0","Method":"token","id":1}`, `{"jsonrpc":"2.0","METHOD":"token","id":1}`, `{"jsonrpc":"2.0","me\u0054hod":"token","id":1}`,
		`{"jsonrpc":"2.0","method":"token","id":null}`, `{"jsonrpc":"2.0","method":"token","id":true}`, `{"jsonrpc":"2.0","method":"token","id":{}}`,
		`{"jsonrpc":"2.0","method":"token","id":[1]}`, `{"jsonrpc":"2.0","method":"token","id":false}`, `{"id":1,"params":{}}`)
	add(codeParams, call+`,"params":[]}`, call+`,"params":["prod"]}`, call+`,"params":"prod"}`, call+`,"params":1}`, call+`,"params":true}`,
		call+`,"params":{"profile":1}}`, call+`,"params":{"profile":["prod"]}}`, call+`,"params":{"min_ttl":"2m"}}`, call+`,"params":{"min_ttl":1.5}}`,
		call+`,"params":{"min_ttl":1e40}}`, call+`,"params":{"min_ttl":99999999999999999999}}`, call+`,"params":{"force":"yes"}}`, call+`,"params":{"force":1}}`,
		call+`,"params":{"interactive":"true"}}`, call+`,"params":{"interactive":1}}`, call+`,"params":{"config":{}}}`, call+`,"params":{"type":{}}}`,
		`{"jsonrpc":"2.0","id":1,"method":"login","params":{"password":{"MARKER":1}}}`, `{"jsonrpc":"2.0","id":1,"method":"secret.set","params":{"value":123}}`)
	add(codeUnknownMethod, `{"jsonrpc":"2.0","id":1,"method":"Token"}`, `{"jsonrpc":"2.0","id":1,"method":"token "}`, `{"jsonrpc":"2.0","id":1,"method":"secret"}`,
		`{"jsonrpc":"2.0","id":1,"method":"prompt"}`, `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"processId":1}}`, `{"jsonrpc":"2.0","id":1,"method":"\u0000"}`)
	return m
}

// TestMalformed sends each over one connection in each framing: each gets its
// error, nothing of it is repeated, and the connection goes on.
func TestMalformed(t *testing.T) {
	table := malformed()
	if len(table) < 140 {
		t.Fatalf("only %d malformed messages", len(table))
	}
	a := &scripted{}
	path := serve(t, &Server{Agent: a})
	for _, f := range []framing{lines, headers} {
		nc := dialRaw(t, path)
		in := newFrameReader(nc, maxFromAgent)
		ask := func(message string) (answer struct {
			Error *wireError `json:"error"`
		}) {
			t.Helper()
			if _, err := io.WriteString(nc, frame(f, message)); err != nil {
				t.Fatal(err)
			}
			data, err := in.next()
			if err != nil {
				t.Fatalf("%.80q: %v", message, err)
			}
			if strings.Contains(string(data), "MARKER") || json.Unmarshal(data, &answer) != nil {
				t.Errorf("%.80q: answered %s", message, data)
			}
			return answer
		}
		ask(`{"jsonrpc":"2.0","id":0,"method":"reload"}`) // sets the framing
		for message, want := range table {
			if got := ask(message); got.Error == nil || got.Error.Code != want || got.Error.Data != nil {
				t.Errorf("framing %d: %.80q: %+v, want %d", f, message, got.Error, want)
			}
		}
		if got := ask(`{"jsonrpc":"2.0","id":9,"method":"version"}`); got.Error != nil {
			t.Errorf("afterwards: %+v", got.Error)
		}
	}
	if a.noted() != "reload\nversion\nreload\nversion" {
		t.Errorf("the agent was asked %q", a.noted())
	}
}

// TestBadFrames: after these the agent can't know where a message begins, says
// so and hangs up.
func TestBadFrames(t *testing.T) {
	path := serve(t, &Server{Agent: &scripted{}})
	for _, stream := range []string{
		"C", "Content-Length\r\n\r\n", "Content-Length: \r\n\r\n{}", "Content-Length: x\r\n\r\n{}", "Content-Length: -1\r\n\r\n{}", "Content-Length: +2\r\n\r\n{}",
		"Content-Length: 2\n\n{}", "Content-Length: 0x2\r\n\r\n{}", "Content-Length: 2 2\r\n\r\n{}", "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
		"Content-Length: 65537\r\n\r\n{", "Content-Length: 99999999999999999999\r\n\r\n{", "Content-Type: x\r\n\r\n{}", "CONNECT x HTTP/1.1\r\n\r\n",
		"C" + strings.Repeat("x", 2000) + ": 1\r\n", strings.Repeat("C: 1\r\n", 9) + "Content-Length: 2\r\n\r\n{}",
		"{" + strings.Repeat(" ", maxFromClient) + "}\n",
		"Content-Length: 2\r\n\r\n{}Content: 2\r\n\r\n{}", "Content-Length: 2\r\n\r\n{}{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"version\"}\n",
	} {
		nc := dialRaw(t, path)
		_, _ = io.WriteString(nc, stream)
		_ = nc.(*net.UnixConn).CloseWrite()
		said, _ := io.ReadAll(nc)
		if strings.Contains(string(said), `"result"`) || len(stream) > 2 && !strings.Contains(string(said), `"code":-32600`) {
			t.Errorf("%.60q: answered %q", stream, said)
		}
	}
}

// TestHeadersAccepted are frames as editors' libraries write them.
func TestHeadersAccepted(t *testing.T) {
	body := `{"jsonrpc":"2.0","id":1,"method":"version"}`
	for _, head := range []string{
		"Content-Length: %d\r\n\r\n", "content-length:%d\r\n\r\n", "Content-Length: %d \r\nContent-Type: application/vscode-jsonrpc; charset=utf-8\r\n\r\n",
		"Content-Type: application/vscode-jsonrpc; charset=utf-8\r\nContent-Length: %d\r\n\r\n",
	} {
		if head[0] != 'C' {
			head = "Content-Type: x\r\n" + head
		}
		got, err := newFrameReader(strings.NewReader(fmt.Sprintf(head, len(body))+body), maxFromClient).next()
		if err != nil || string(got) != body {
			t.Errorf("%q: %q, %v", head, got, err)
		}
	}
}

func TestStrict(t *testing.T) {
	deep := strings.Repeat(`{"a":`, 16) + "1" + strings.Repeat("}", 16)
	for _, good := range []string{`{}`, deep, `{"a":{"a":1},"b":{"a":1}}`, `[{"a":1},{"a":2}]`, `{"a":"a","b":"a"}`, `{"a" : "b\":","c":"\\"}`,
		`{"a":"\ud83d\ude00"}`, `{"a":"\ufffd"}`, `{"a":"\uFFFD\ud83d\ude00"}`, "{\"a\":\"\ufffd\"}", `{"a":"{[[[[[[[[[[[[[[[[[[[[["}`, ` {"a":1} `, `{"\"":1,"\\":2}`} {
		if err := checkStrict([]byte(good)); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
}

func TestDecodeExactly(t *testing.T) {
	var r TokenRequest
	if err := decodeParams([]byte(`{"Profile":"other","profile":"prod","TYPE":"access","fo\u0072ce":true,"ty\u0050e":"x","ty\u017fe":"x"}`), &r); err != nil || r.Profile != "prod" || r.Type != "" || !r.Force {
		t.Errorf("%+v, %v", r, err)
	}
}

func FuzzFrames(f *testing.F) {
	f.Add([]byte(`{"jsonrpc":"2.0","id":1,"method":"token","params":{"profile":"prod"}}` + "\n{}\n"))
	f.Add([]byte("Content-Length: 2\r\n\r\n{}Content-Length: 3\r\n\r\n{ }"))
	f.Add([]byte("Content-Type: x\r\nContent-Length: 99999\r\n\r\n"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		in := newFrameReader(bytes.NewReader(stream), 1000)
		for {
			data, err := in.next()
			if err != nil {
				return
			}
			if len(data) > 1000 {
				t.Fatalf("a message of %d bytes", len(data))
			}
		}
	})
}

// FuzzMessage: what both sides do with a message. One that is accepted reads
// the same after it was encoded again.
func FuzzMessage(f *testing.F) {
	for message := range malformed() {
		if len(message) < 500 {
			f.Add([]byte(message))
		}
	}
	f.Add([]byte(`{"jsonrpc":"2.0","id":"p1","method":"prompt","params":{"kind":"choice","text":"\u001b[2J","choices":["a\u202e"],"echo":true}}`))
	f.Add([]byte(`{"jsonrpc":"2.0","id":1,"error":{"code":3,"message":"\u001b]52;c;x\u0007","data":{"kind":"login_required","hint":"\u009b","retryable":false}}}`))
	f.Add([]byte(`{"jsonrpc":"2.0","id":1,"result":{"answer":"x","token":"y","expires_at":"2026-11-22T12:00:00Z"}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		m, broken := parseMessage(data)
		if broken != nil {
			return
		}
		var all map[string]json.RawMessage
		if err := json.Unmarshal(data, &all); err != nil {
			t.Fatalf("%q: %v", data, err)
		}
		for name, got := range map[string]json.RawMessage{"id": m.ID, "params": m.Params, "result": m.Result, "error": m.Error} {
			if !bytes.Equal(got, bytes.TrimSpace(all[name])) {
				t.Fatalf("%q: %s is %q", data, name, got)
			}
		}
		again, err := lines.encode(outgoing{Version: m.Version, ID: m.ID, Method: m.Method, Params: m.Params, Result: m.Result, Error: m.Error}, 10*len(data)+1000)
		if err != nil {
			t.Fatalf("%q: %v", data, err)
		}
		if len(m.ID) > 0 {
			if n, broken := parseMessage(again); broken != nil || n.Method != m.Method || string(n.ID) != string(m.ID) {
				t.Fatalf("%q became %q: %v", data, again, broken)
			}
		}
		for _, method := range methods {
			if _, err := method(t.Context(), &scripted{}, Caller{}, m.Params); err != nil && len(m.Params) == 0 {
				t.Fatalf("%q: %v", data, err)
			}
		}
		if m.Error != nil {
			if e := fromWire(m.Error); strings.ContainsAny(e.Message+e.Hint, "\x1b\n\u009b\u202e") || e.Code < 1 || e.Code > 8 {
				t.Fatalf("%q: %+v", data, e)
			}
		}
		var p Prompt
		if decodeParams(m.Params, &p) == nil && strings.ContainsAny(p.printable().Text+p.printable().URL, "\x1b\r\u009b\u202e") {
			t.Fatalf("%q: prompt %q, %q", data, p.printable().Text, p.printable().URL)
		}
		_, _ = decodeAnswer(m.Result)
	})
}
