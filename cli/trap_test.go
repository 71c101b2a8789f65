package cli

import (
	"regexp"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// A password on the command line is in the shell's history and in ps, and its
// commas and quotes break (aws cognito-idp initiate-auth --auth-parameters). No
// flag takes a secret: they are read from the terminal, standard input or a
// pinentry alone. The other traps are in cognito/traps_test.go.
func TestTrapSecretsOnTheCommandLine(t *testing.T) {
	secret := regexp.MustCompile(`^(.*-)?(passw.*|secret|passphrase|seed|code|totp|answer)$`) // --totp-command is none
	var walk func(*cobra.Command)
	walk = func(c *cobra.Command) {
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if secret.MatchString(f.Name) && f.Value.Type() != "bool" {
				t.Errorf("%s --%s takes a %s", c.CommandPath(), f.Name, f.Value.Type())
			}
		})
		for _, sub := range c.Commands() {
			walk(sub)
		}
	}
	root := rootCommand(&app{})
	walk(root)
	login, _, err := root.Find([]string{"login"})
	if err != nil || login.Flags().Lookup("password-stdin") == nil {
		t.Errorf("nothing was looked at: %v", err)
	}
}
