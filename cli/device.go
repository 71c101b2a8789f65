package cli

import (
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cogtok/cogtok/agent"
)

func deviceCommand(a *app) *cobra.Command {
	return group("device", "List or forget the devices that the user pool knows of the user",
		"  cogtok device list prod",
		deviceListCommand(a), deviceForgetCommand(a))
}

func deviceListCommand(a *app) *cobra.Command {
	var output string
	cmd := &cobra.Command{
		Use:   "list [PROFILE]",
		Short: "List the devices",
		Long: `List the devices that the user pool knows of the profile's user. Where it
remembers one, that device may stand for a second factor.`,
		Example:           "  cogtok device list prod --output json | jq -r '.devices[].key'",
		Args:              positional(0, "PROFILE"),
		ValidArgsFunction: a.completeProfile,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.listDevices(cmd, a.profileOf(args), output)
		},
	}
	addOutput(cmd, &output)
	return cmd
}

func (a *app) listDevices(cmd *cobra.Command, profile, output string) error {
	if err := oneOf(cmd, "output", output, outputs()); err != nil {
		return err
	}
	conn, err := a.connect(cmd.Context(), askAlways)
	if err != nil {
		return err
	}
	defer conn.close()
	list, err := conn.Devices(cmd.Context(), conn.caller, agent.DevicesRequest{Profile: profile})
	if err != nil {
		return err
	}
	if list.Devices == nil {
		list.Devices = []agent.Device{}
	}
	return a.answerAs(output, list, deviceTable(list.Devices, time.Now()))
}

func deviceTable(devices []agent.Device, now time.Time) string {
	rows := [][]string{{"DEVICE", "LAST USED", "FROM", "REMEMBERED", "KEY"}}
	for _, d := range devices {
		name := orDash(d.Name)
		if d.Current {
			name = strings.TrimPrefix(d.Name+" (this one)", " ")
		}
		remembered := "no"
		if d.Remembered {
			remembered = "yes"
		}
		rows = append(rows, []string{name, lastUsed(d, now), orDash(d.LastIP), remembered, d.Key})
	}
	return table(rows)
}

func lastUsed(d agent.Device, now time.Time) string {
	if d.LastUsed.IsZero() {
		return "-"
	}
	return instantText(d.LastUsed, now)
}

func deviceForgetCommand(a *app) *cobra.Command {
	var request agent.ForgetDeviceRequest
	cmd := &cobra.Command{
		Use:   "forget [PROFILE]",
		Short: "Make the user pool forget this device, or another",
		Long: `Make the user pool forget this device, or the one whose key is given. The next
sign-in from there asks for the second factor again.`,
		Example:           "  cogtok device forget prod --key us-east-1_7b1a2c3d-4e5f-6071-8293-a4b5c6d7e8f9",
		Args:              positional(0, "PROFILE"),
		ValidArgsFunction: a.completeProfile,
		RunE: func(cmd *cobra.Command, args []string) error {
			request.Profile = a.profileOf(args)
			return a.forgetDevice(cmd, request)
		},
	}
	cmd.Flags().StringVar(&request.Key, "key", "", "the device's key, from the list (default: this machine's)")
	return cmd
}

func (a *app) forgetDevice(cmd *cobra.Command, request agent.ForgetDeviceRequest) error {
	if cmd.Flags().Changed("key") && request.Key == "" {
		return usage(cmd, "--key needs a value") // not this machine: a script's variable was empty
	}
	conn, err := a.connect(cmd.Context(), askAlways)
	if err != nil {
		return err
	}
	defer conn.close()
	if _, err := conn.ForgetDevice(cmd.Context(), conn.caller, request); err != nil {
		return err
	}
	if request.Key == "" {
		a.note("the user pool has forgotten this device, and with it the session; to sign in again: %s", strings.TrimSpace("cogtok login "+request.Profile))
	} else {
		a.note("the user pool has forgotten the device %s", request.Key)
	}
	return nil
}
