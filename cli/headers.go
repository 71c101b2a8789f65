package cli

import (
	"github.com/spf13/cobra"
)

func headersCommand(a *app) *cobra.Command {
	var f tokenFlags
	cmd := &cobra.Command{
		Use:   "headers [PROFILE]",
		Short: `Print {"Authorization": "<token>"}, for settings that take a command for headers`,
		Long: `Print the header with the token as a JSON object, for programs that run a command
to get the headers of their requests.`,
		Example:           `  cogtok headers prod | jq -r .Authorization`,
		Args:              positional(0, "PROFILE"),
		ValidArgsFunction: a.completeProfile,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.headers(cmd, a.profileOf(args), f)
		},
	}
	addWhichToken(cmd, &f)
	cmd.Flags().DurationVar(&f.minTTL, "min-ttl", 0, "how long the token has to live yet (default: 2m, or half its life if that is less)")
	return cmd
}

func (a *app) headers(cmd *cobra.Command, profile string, f tokenFlags) error {
	request, err := f.request(cmd, profile)
	if err != nil {
		return err
	}
	conn, err := a.connect(cmd.Context(), askIfSeen)
	if err != nil {
		return err
	}
	defer conn.close()
	t, err := conn.token(cmd.Context(), request)
	if err != nil {
		return err
	}
	text, err := compactJSON(map[string]string{t.Header: t.Value})
	if err != nil {
		return err
	}
	if err := a.answer(text); err != nil {
		return err
	}
	a.warn(t)
	return nil
}
