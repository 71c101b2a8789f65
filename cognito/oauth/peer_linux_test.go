package oauth

import (
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"syscall"
	"testing"

	"github.com/cogtok/cogtok/internal/cogtoktest"
)

// A program of another user gets nothing of the start page, and spoils nothing,
// though it has read the address.
func TestStartOfOtherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can be another user")
	}
	curl := cogtoktest.Tool(t, "curl", "curl")
	for _, address := range []string{"127.0.0.1", "::1", "::ffff:127.0.0.1"} {
		if address == "::1" && !hasIPv6(t) {
			continue
		}
		s := newScene(t)
		as := func(uid uint32) string {
			cmd := exec.Command(curl, "-s", "-o", "/dev/null", "-w", "%{http_code}", "--connect-to", "::["+address+"]:", s.server.StartURL())
			cmd.Dir = "/"
			cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
			status, err := cmd.Output()
			if err != nil {
				t.Error(address, err)
			}
			return string(status)
		}
		if got := as(61002); got != "403" || s.server.start.used.Load() {
			t.Errorf("%s: another user got %s", address, got)
		}
		if got := as(0); got != "303" {
			t.Errorf("%s: the browser got %s", address, got)
		}
		if as(61002); s.isTwice() {
			t.Errorf("%s: another user ended the sign-in", address)
		}
	}
}

func TestOwnerOf(t *testing.T) {
	const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:20D0 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 1 1 0000000000000000 100 0 0 10 0
   1: 0100007F:C001 0100007F:20D0 01 00000000:00000000 00:00000000 00000000 61002        0 2 1 0000000000000000 20 4 30 10 -1
   2: 0100007F:20D0 0100007F:C001 01 00000000:00000000 00:00000000 00000000  1000        0 3 1 0000000000000000 20 4 30 10 -1
   3: 00000000000000000000000001000000:C002 00000000000000000000000001000000:20D0 01 00000000:00000000 00:00000000 00000000 61003 0 4 1 0000000000000000 20 4 30 10 -1
   4: 0000000000000000FFFF00000100007F:C003 0000000000000000FFFF00000100007F:20D0 01 00000000:00000000 00:00000000 00000000 61004 0 4 1 0000000000000000 20 4 30 10 -1
`
	if inHex([]byte{127, 0, 0, 1}, 1) != "0100007F:0001" {
		t.Skip("the table is of a little-endian machine")
	}
	for from, want := range map[string]string{"127.0.0.1:49153": "61002", "[::1]:49154": "61003", "127.0.0.1:49155": "61004", "127.0.0.1:49156": ""} {
		at := netip.MustParseAddrPort(from)
		if got := ownerOf(table, at, netip.AddrPortFrom(at.Addr(), 8400)); got != want {
			t.Errorf("%s: %q", from, got)
		}
	}
	if isOtherUsers(&http.Request{RemoteAddr: "x"}) {
		t.Error("who isn't known is nobody else")
	}
}
