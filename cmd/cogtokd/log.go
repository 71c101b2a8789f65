package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"time"

	"gopkg.in/natefinch/lumberjack.v2"

	"github.com/cogtok/cogtok/internal/printable"
)

// The log's size: three files of 5 MiB.
const (
	logMegabytes = 5
	logBackups   = 2
)

// A logbook is the agent's log. It holds no secret and no token. COGTOK_LOG=debug has it tell of
// every call; else it tells of what changes and of what goes wrong.
type logbook struct {
	path string
	file *lumberjack.Logger
	*slog.Logger

	mu   sync.Mutex
	last string // the last message
	same int    // how often it came again
	at   time.Time
}

// sameEvery is how often a message is written that comes again and again.
const sameEvery = time.Minute

// openLog makes the state directory and the log in it. An agent that can't
// write its log serves all the same: lumberjack tries again with each line.
func openLog(stateDir string) *logbook {
	path := filepath.Join(stateDir, "agent.log")
	_ = os.MkdirAll(stateDir, 0o700)
	file := &lumberjack.Logger{Filename: path, MaxSize: logMegabytes, MaxBackups: logBackups}
	level := slog.LevelInfo
	if os.Getenv("COGTOK_LOG") == "debug" {
		level = slog.LevelDebug
	}
	catchCrash(crashLog(stateDir))
	return &logbook{
		path: path, file: file,
		Logger: slog.New(slog.NewTextHandler(file, &slog.HandlerOptions{Level: level})),
	}
}

// catchCrash keeps what the runtime says at a crash: standard error is
// /dev/null for an agent that started by itself.
func catchCrash(path string) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return
	}
	defer func() { _ = f.Close() }()
	_ = debug.SetCrashOutput(f, debug.CrashOptions{}) // keeps a descriptor of its own
}

// printf writes a line; one that comes again right away once a minute.
func (l *logbook) printf(format string, args ...any) {
	text := printable.Text(fmt.Sprintf(format, args...))
	l.mu.Lock()
	defer l.mu.Unlock()
	if text == l.last && time.Since(l.at) < sameEvery {
		l.same++
		return
	}
	if l.same > 0 {
		l.Info("the last message came again", "times", l.same)
	}
	l.last, l.same, l.at = text, 0, time.Now()
	l.Info(text)
}

// debug reports whether every call is to be told.
func (l *logbook) debug() bool { return l.Enabled(context.Background(), slog.LevelDebug) }

func (l *logbook) close() { _ = l.file.Close() }
