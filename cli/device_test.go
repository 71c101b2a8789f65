package cli

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cogtok/cogtok/agent"
)

func TestDeviceTable(t *testing.T) {
	now := time.Date(2026, 11, 22, 18, 0, 0, 0, time.UTC)
	got := deviceTable([]agent.Device{
		{Key: "us-east-1_0c2d", Name: "cogtok on ada", LastIP: "203.0.113.7", LastUsed: now.Add(-5 * time.Minute), Remembered: true, Current: true},
		{Key: "us-east-1_7b1a", Name: "phone\x1b[2J"},
		{Key: "us-east-1_9f00", Current: true},
	}, now)
	want := `DEVICE                    LAST USED                      FROM         REMEMBERED  KEY
cogtok on ada (this one)  2026-11-22T17:55:00Z (5m ago)  203.0.113.7  yes         us-east-1_0c2d
phone�[2J                 -                              -            no          us-east-1_7b1a
(this one)                -                              -            no          us-east-1_9f00
`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestDevices(t *testing.T) {
	w := newWorld(t)
	s := w.serve(&scripted{})
	w.expect(result{"DEVICE  LAST USED  FROM  REMEMBERED  KEY\n", "", 0}, "device", "list")
	w.expect(result{"{\n  \"profile\": \"prod\",\n  \"devices\": []\n}\n", "", 0}, "device", "list", "-o", "json")
	s.devices = []agent.Device{{Key: "us-east-1_0c2d", Current: true}}
	var list agent.DeviceList
	if r := w.run("device", "list", "prod", "-o", "json"); json.Unmarshal([]byte(r.stdout), &list) != nil || len(list.Devices) != 1 || !list.Devices[0].Current {
		t.Error(r)
	}
	w.expect(result{"", "cogtok: the user pool has forgotten this device, and with it the session; to sign in again: cogtok login prod\n", 0}, "device", "forget", "prod")
	w.expect(result{"", "cogtok: the user pool has forgotten the device us-east-1_7b1a\n", 0}, "device", "forget", "--key", "us-east-1_7b1a")
	want := []string{"devices of ", "devices of ", "devices of prod", `forget device "" of prod`, `forget device "us-east-1_7b1a" of `}
	if !slices.Equal(s.calls, want) {
		t.Errorf("%q", s.calls)
	}
	s.calls = nil
	for _, args := range []string{"device forget --key=", "device forget prod us-east-1_7b1a", "device list -o xml", "device"} {
		if r := w.run(strings.Fields(args)...); r.code != 2 || len(s.calls) != 0 {
			t.Errorf("%s: %q: %s", args, s.calls, r)
		}
	}
	s.err = agent.Errorf(agent.KindLoginRequired, "prod: sign-in needed").WithHint("run: cogtok login prod")
	for _, args := range []string{"device list", "device forget"} {
		w.expect(result{"", "cogtok: prod: sign-in needed\ncogtok: hint: run: cogtok login prod\n", 3}, strings.Fields(args)...)
	}
}
