package cognito

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"github.com/cogtok/cogtok/agent"
)

// What has to be done with an account before its user can sign in: a new
// password by a code ("forgot password"), and the confirmation of a new user. See
// https://docs.aws.amazon.com/cognito/latest/developerguide/managing-users-passwords.html
// and https://docs.aws.amazon.com/cognito/latest/developerguide/signing-up-users-in-your-app.html

// secretHashOfUser returns the SecretHash of calls that name the user as typed.
func (s *signIn) secretHashOfUser() *string {
	if s.login.ClientSecret.Empty() {
		return nil
	}
	hash := secretHash(s.login.ClientSecret, s.profile.Username, s.profile.ClientID)
	s.secrets = append(s.secrets, hash)
	return aws.String(hash)
}

// resetPassword sets a new password by a code that goes to the user. sent says that
// an administrator had one sent already.
func (s *signIn) resetPassword(ctx context.Context, sent bool) error {
	if s.login.Prompter == nil {
		return errorf(s.profile, agent.KindPromptNeeded, "resetting the password takes a person, who can't be asked here").
			WithHint("run it in a terminal: cogtok login %s --reset", shown(s.profile.Name))
	}
	client, err := s.provider.client(s.profile, nil)
	if err != nil {
		return err
	}
	text := "The password has to be reset. Code that was sent for that"
	if !sent {
		if text, err = s.sendResetCode(ctx, client); err != nil {
			return err
		}
	}
	var chosen agent.Secret // outlives a wrong code
	err = s.useSentCode(ctx, text,
		func() (string, error) { return s.sendResetCode(ctx, client) },
		func(code string) (err error) { chosen, err = s.confirmReset(ctx, client, code, chosen); return err })
	if err == nil {
		s.password, s.changedPassword = chosen, chosen
	}
	return err
}

// useSentCode asks for a code until use takes it. send has a new one sent and
// returns the question for that.
func (s *signIn) useSentCode(ctx context.Context, text string, send func() (string, error), use func(code string) error) error {
	defer func() { s.codes = codes{} }() // those of the sign-in are others
	for {
		code, err := s.askSentCode(ctx, text)
		if err != nil {
			return err
		}
		if code == "" {
			if text, err = send(); err != nil {
				return err
			}
			s.codes.why = newCode
			continue
		}
		err = use(code)
		if kind := agent.KindOf(err); kind != agent.KindCodeWrong && kind != agent.KindCodeExpired || !s.codes.left() {
			return err
		}
		s.codes.why = sentence(err)
	}
}

// sendResetCode has a code sent, and returns the question for it.
func (s *signIn) sendResetCode(ctx context.Context, client *cip.Client) (string, error) {
	out, err := call(ctx, s.provider, resendUnsent, client.ForgotPassword, &cip.ForgotPasswordInput{
		ClientId:       aws.String(s.profile.ClientID),
		Username:       aws.String(s.profile.Username),
		SecretHash:     s.secretHashOfUser(),
		ClientMetadata: s.profile.ClientMetadata,
	})
	if err != nil {
		return "", s.failed(ctx, opAccount, err)
	}
	return "Code to reset the password, sent" + s.delivered(out.CodeDeliveryDetails), nil
}

// delivered says how and where a code was sent.
func (s *signIn) delivered(d *types.CodeDeliveryDetailsType) string {
	if d == nil {
		return ""
	}
	media := map[types.DeliveryMediumType]string{types.DeliveryMediumTypeEmail: " by email", types.DeliveryMediumTypeSms: " by SMS"}
	return media[d.DeliveryMedium] + s.destination(aws.ToString(d.Destination))
}

// confirmReset sets the new password. One that the policy refuses leaves the
// code good, so another is asked for. It returns what was chosen, so that a wrong
// code doesn't cost the typing of it.
func (s *signIn) confirmReset(ctx context.Context, client *cip.Client, code string, chosen agent.Secret) (agent.Secret, error) {
	for {
		if chosen.Empty() {
			var err error
			if chosen, err = s.askNewPassword(ctx); err != nil {
				return agent.Secret{}, err
			}
		}
		s.secrets = append(s.secrets, chosen.Reveal())
		_, err := call(ctx, s.provider, resendUnsent, client.ConfirmForgotPassword, &cip.ConfirmForgotPasswordInput{
			ClientId:         aws.String(s.profile.ClientID),
			Username:         aws.String(s.profile.Username),
			ConfirmationCode: aws.String(code),
			Password:         aws.String(chosen.Reveal()),
			SecretHash:       s.secretHashOfUser(),
			ClientMetadata:   s.profile.ClientMetadata,
		})
		if err == nil {
			return chosen, nil
		}
		err = s.failed(ctx, opAccount, err)
		if agent.KindOf(err) != agent.KindPasswordPolicy || s.newPassword.tries >= maxNewPasswords {
			return chosen, err
		}
		s.newPassword.why, chosen = sentence(err), agent.Secret{}
	}
}

// confirmSignUp confirms a user who signed up and never gave the code. It is
// good for a day.
func confirmSignUp(ctx context.Context, s *signIn) error {
	client, err := s.provider.client(s.profile, nil)
	if err != nil {
		return err
	}
	return s.useSentCode(ctx, "The user "+shown(s.profile.Username)+" is not confirmed yet. Code that was sent at sign-up",
		func() (string, error) { return s.resendSignUpCode(ctx, client) },
		func(code string) error {
			_, err := call(ctx, s.provider, resendUnsent, client.ConfirmSignUp, &cip.ConfirmSignUpInput{
				ClientId:         aws.String(s.profile.ClientID),
				Username:         aws.String(s.profile.Username),
				ConfirmationCode: aws.String(code),
				SecretHash:       s.secretHashOfUser(),
				ClientMetadata:   s.profile.ClientMetadata,
			})
			if err != nil {
				return s.failed(ctx, opAccount, err)
			}
			return nil
		})
}

// resendSignUpCode has a new code sent, and returns the question for it.
func (s *signIn) resendSignUpCode(ctx context.Context, client *cip.Client) (string, error) {
	out, err := call(ctx, s.provider, resendUnsent, client.ResendConfirmationCode, &cip.ResendConfirmationCodeInput{
		ClientId:       aws.String(s.profile.ClientID),
		Username:       aws.String(s.profile.Username),
		SecretHash:     s.secretHashOfUser(),
		ClientMetadata: s.profile.ClientMetadata,
	})
	if err != nil {
		return "", s.failed(ctx, opAccount, err)
	}
	return "Code to confirm the user, sent" + s.delivered(out.CodeDeliveryDetails), nil
}
