package oauth

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
)

// isOtherUsers reports whether a request comes from a program of another user
// of this machine; root may do as it likes. It is false where that can't be
// known, for instance of a browser outside of the container.
func isOtherUsers(r *http.Request) bool {
	server, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if server == nil {
		return false
	}
	to, err := netip.ParseAddrPort(server.String())
	if err != nil {
		return false
	}
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	for _, name := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		table, _ := os.ReadFile(name)
		if uid := ownerOf(string(table), from, to); uid != "" {
			return uid != "0" && uid != fmt.Sprint(os.Geteuid())
		}
	}
	return false
}

// ownerOf finds the user of the socket at one end of a connection in one of the
// kernel's tables (proc(5)); empty: it isn't there.
func ownerOf(table string, at, peer netip.AddrPort) (uid string) {
	for line := range strings.Lines(table) {
		columns := strings.Fields(line)
		if len(columns) > 7 && isEnd(columns[1], at) && isEnd(columns[2], peer) {
			return columns[7]
		}
	}
	return ""
}

// isEnd compares an end of a connection with how the kernel writes it. A socket
// for both kinds of addresses has an IPv4 one inside an IPv6 one.
func isEnd(written string, end netip.AddrPort) bool {
	as16 := end.Addr().As16()
	texts := []string{inHex(as16[:], end.Port())}
	if end.Addr().Unmap().Is4() {
		texts = append(texts, inHex(as16[12:], end.Port()))
	}
	for _, text := range texts {
		if text == written {
			return true
		}
	}
	return false
}

// inHex writes an address in words of four bytes, each as this machine has them.
func inHex(address []byte, port uint16) string {
	var text strings.Builder
	for ; len(address) > 0; address = address[4:] {
		fmt.Fprintf(&text, "%08X", binary.NativeEndian.Uint32(address))
	}
	return fmt.Sprintf("%s:%04X", text.String(), port)
}
