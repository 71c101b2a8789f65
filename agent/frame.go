package agent

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/textproto"
	"strconv"
	"strings"
	"time"
)

// Limits of the wire, the same for both framings. docs/protocol.md states them.
const (
	maxFromClient = 64 << 10  // bytes of a message to the agent
	maxFromAgent  = 256 << 10 // bytes of a message from the agent

	frameTimeout = 2 * time.Second  // from a message's first byte to its last
	writeTimeout = 2 * time.Second  // for a message to be taken by the other end
	idleTimeout  = 60 * time.Second // for a connection without a call
)

// A framing is how a connection tells where a message ends.
type framing int

const (
	// lines: one JSON object a line, as in MCP's stdio transport.
	lines framing = iota
	// headers: Content-Length and an empty line before each message, the base
	// protocol of LSP, which editors' own JSON-RPC libraries speak.
	headers
)

// The faults of a frame after which nothing else on the connection can be read.
var (
	errTooLong   = errors.New("the message is too long")
	errTooSlow   = errors.New("the message was not complete within 2 s")
	errBadHeader = errors.New("the message has no usable Content-Length header")
)

// A frameReader cuts a stream into messages. The first byte of the stream
// decides on the framing: no JSON text begins with "C".
type frameReader struct {
	stream  stream
	r       *bufio.Reader // of the stream; nil: nothing of it is buffered
	max     int
	framing framing
	sniffed bool
}

// A stream is one of which something may have been read already.
type stream struct {
	unread []byte // comes first
	rest   io.Reader
}

func (s *stream) Read(p []byte) (int, error) {
	if len(s.unread) == 0 {
		return s.rest.Read(p)
	}
	n := copy(p, s.unread)
	s.unread = s.unread[n:]
	return n, nil
}

// newFrameReader returns a reader of messages of at most max bytes.
func newFrameReader(r io.Reader, max int) *frameReader {
	return &frameReader{stream: stream{rest: r}, max: max}
}

// unread returns what was read of the stream, and is no message yet.
func (f *frameReader) unread() []byte {
	if f.r == nil {
		return f.stream.unread
	}
	buffered, _ := f.r.Peek(f.r.Buffered())
	return append(bytes.Clone(buffered), f.stream.unread...)
}

// release gives up the buffer if nothing is in it, and reports whether it has.
func (f *frameReader) release() bool {
	if len(f.unread()) > 0 {
		return false
	}
	f.r = nil
	return true
}

// wait blocks until a message begins. It takes nothing, so that it may be called
// again after a time-out.
func (f *frameReader) wait() error {
	if f.r == nil {
		f.r = bufio.NewReaderSize(&f.stream, f.max/64) // 1 KiB, and 4 for a client: most messages in one read
	}
	first, err := f.r.Peek(1)
	if err != nil {
		return err
	}
	if !f.sniffed {
		f.sniffed = true
		if first[0] == 'C' {
			f.framing = headers
		}
	}
	return nil
}

// complete reports whether next is sure not to block.
func (f *frameReader) complete() bool {
	buffered, _ := f.r.Peek(f.r.Buffered())
	return f.framing == lines && bytes.IndexByte(buffered, '\n') >= 0
}

// next returns the next message. The bytes are the caller's.
func (f *frameReader) next() ([]byte, error) {
	if err := f.wait(); err != nil {
		return nil, err
	}
	if f.framing == headers {
		return f.nextByHeader()
	}
	return f.nextLine()
}

func (f *frameReader) nextLine() ([]byte, error) {
	var line []byte
	for {
		part, err := f.r.ReadSlice('\n')
		if len(line)+len(bytes.TrimSuffix(part, []byte("\n"))) > f.max {
			return nil, errTooLong
		}
		line = append(line, part...)
		switch {
		case err == nil:
			return line[:len(line)-1], nil
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}

func (f *frameReader) nextByHeader() ([]byte, error) {
	length, err := f.contentLength()
	if err != nil {
		return nil, err
	}
	if length > f.max {
		return nil, errTooLong
	}
	message := make([]byte, length)
	_, err = io.ReadFull(f.r, message)
	return message, err
}

// contentLength reads one block of headers. There are few, so their number is
// bounded as well as their size; names other than Content-Length are ignored.
func (f *frameReader) contentLength() (int, error) {
	length := -1
	for range 8 {
		line, err := f.r.ReadSlice('\n')
		if errors.Is(err, bufio.ErrBufferFull) {
			return 0, errBadHeader
		}
		if err != nil {
			return 0, err
		}
		text, ok := strings.CutSuffix(string(line), "\r\n")
		if ok && text == "" && length >= 0 {
			return length, nil
		}
		name, value, found := strings.Cut(text, ":")
		if !ok || !found {
			return 0, errBadHeader
		}
		if textproto.CanonicalMIMEHeaderKey(name) == "Content-Length" {
			n, err := strconv.ParseUint(strings.TrimSpace(value), 10, 31)
			if err != nil || length >= 0 {
				return 0, errBadHeader
			}
			length = int(n)
		}
	}
	return 0, errBadHeader
}

// encode returns v as one framed message of at most max bytes.
func (f framing) encode(v any, max int) ([]byte, error) {
	var body bytes.Buffer
	e := json.NewEncoder(&body)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	length := body.Len() - 1 // Encode ends with a newline
	if length > max {
		return nil, errTooLong
	}
	if f == lines {
		return body.Bytes(), nil
	}
	framed := []byte("Content-Length: " + strconv.Itoa(length) + "\r\n\r\n")
	return append(framed, body.Bytes()[:length]...), nil
}
