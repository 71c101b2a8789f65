package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// browserMoment is how long a program that opens a page may take to say that it
// can't. One that runs longer is a browser, or has handed the page to one.
const browserMoment = time.Second

// systemOpeners is the table of programs that open a page, by operating system;
// "" stands for all others. The page's address is their last argument.
func systemOpeners() map[string][]string {
	return map[string][]string{
		"darwin":  {"open"},
		"windows": {"rundll32 url.dll,FileProtocolHandler"},
		"":        {"xdg-open", "wslview"},
	}
}

// pageOf returns the address of a page as a browser is given it. It refuses what
// isn't plainly a web page: a program that opens addresses opens files and other
// programs too. Most of the address comes from a config, which may be anybody's.
func pageOf(address string) (string, error) {
	for i := range len(address) {
		if address[i] < ' ' || address[i] > '~' {
			return "", errors.New("the page's address has characters in it that no address has")
		}
	}
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Hostname() == "" || u.Opaque != "":
		return "", errors.New("the page's address is not one of the web")
	case u.User != nil:
		return "", errors.New("the page's address has a user name in it")
	case u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())):
		return "", errors.New("the page's address doesn't begin with https://")
	}
	return escapeAddress(address), nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || (ip != nil && ip.IsLoopback())
}

// escapeAddress escapes the ASCII characters that no address may have (RFC 3986),
// and of the others those that mean something to a shell: many a program that
// opens pages is a script. "&" stays, since it is what parameters are parted by.
func escapeAddress(address string) string {
	var escaped strings.Builder
	for i := range len(address) {
		if strings.IndexByte(" \"<>\\^`{|}$'();!*", address[i]) < 0 {
			escaped.WriteByte(address[i])
		} else {
			fmt.Fprintf(&escaped, "%%%02X", address[i])
		}
	}
	return escaped.String()
}

// browserCommands are the command lines that open page, each of them with the
// absolute path of a program that is there. They come from $BROWSER, and where
// that isn't set from the system's table.
func browserCommands(browser, page string) [][]string {
	var commands [][]string
	for _, entry := range browserEntries(browser) {
		argv := strings.Fields(entry)
		path, found := findProgram(entry) // "/opt/My Browser/run" has no arguments
		if found {
			argv = []string{entry}
		} else if len(argv) > 0 {
			path, found = findProgram(argv[0])
		}
		if found {
			commands = append(commands, append([]string{path}, withPage(argv[1:], page)...))
		}
	}
	return commands
}

func browserEntries(browser string) []string {
	if browser != "" {
		return strings.Split(browser, string(os.PathListSeparator))
	}
	if openers, ok := systemOpeners()[runtime.GOOS]; ok {
		return openers
	}
	return systemOpeners()[""]
}

// findProgram looks in $PATH. What lies in the working directory isn't run.
func findProgram(name string) (string, bool) {
	path, err := exec.LookPath(name)
	return path, err == nil && filepath.IsAbs(path)
}

// withPage puts page in place of %s, or at the end where no argument has it. In
// $BROWSER %% stands for a percent sign and %c for a colon, which would end the entry.
// http://www.catb.org/~esr/BROWSER/
func withPage(args []string, page string) []string {
	placeholders := strings.NewReplacer("%%", "%", "%c", ":", "%s", page)
	var filled []string
	placed := false
	for _, arg := range args {
		with := placeholders.Replace(arg)
		placed = placed || strings.Contains(with, page)
		filled = append(filled, with)
	}
	if !placed {
		filled = append(filled, page)
	}
	return filled
}

// openPage runs the first of commands that doesn't fail at once, apart from this
// process and its terminal. It is false when there is none.
func openPage(ctx context.Context, commands [][]string) bool {
	for _, argv := range commands {
		if startBrowser(ctx, argv) {
			return true
		}
	}
	return false
}

// startBrowser gives a program no shell, no terminal and none of the streams.
func startBrowser(ctx context.Context, argv []string) bool {
	cmd := exec.Command(argv[0], argv[1:]...)
	detach(cmd)
	if cmd.Start() != nil {
		return false
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		return err == nil
	case <-time.After(browserMoment):
	case <-ctx.Done():
	}
	return true
}
