package userpool_test

import (
	"math/big"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	cip "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"

	"github.com/cogtok/cogtok/internal/userpool"
)

// TestSDK reads answers with AWS's own client, whose types are the API model's.
func TestSDK(t *testing.T) {
	w := newWorld(t, userpool.PoolConfig{
		DeviceConfiguration: &userpool.DeviceConfiguration{DeviceOnlyRememberedOnUserPrompt: true}, FirstFactors: []string{"PASSWORD", "EMAIL_OTP"},
	})
	w.clock.advance(time.Since(w.clock.Now())) // the SDK signs by the Date of the last answer
	w.pool.AddClient(userpool.Client{ID: "main", Flows: []string{"ALLOW_USER_AUTH"}})
	w.pool.AddUser(userpool.User{Username: "rob", Email: "rob@example.com", Password: password})
	credential := userpool.TestCredential()
	sdk := cip.New(cip.Options{
		Region: "us-east-1", BaseEndpoint: aws.String(w.url), RetryMaxAttempts: 1,
		Credentials: credentials.NewStaticCredentialsProvider(credential.AccessKeyID, credential.SecretAccessKey, credential.SessionToken),
	})
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	choice, err := sdk.AdminInitiateAuth(t.Context(), &cip.AdminInitiateAuthInput{
		UserPoolId: aws.String(poolID), ClientId: aws.String("main"), AuthFlow: types.AuthFlowTypeUserAuth,
		AuthParameters: map[string]string{"USERNAME": "rob"},
	})
	check(err)
	if got := choice.AvailableChallenges; len(got) != 3 || got[2] != types.ChallengeNameTypeEmailOtp {
		t.Errorf("available: %v", got)
	}
	answer, err := sdk.AdminRespondToAuthChallenge(t.Context(), &cip.AdminRespondToAuthChallengeInput{
		UserPoolId: aws.String(poolID), ClientId: aws.String("main"), ChallengeName: choice.ChallengeName, Session: choice.Session,
		ChallengeResponses: map[string]string{"USERNAME": "rob", "ANSWER": "PASSWORD", "PASSWORD": password},
	})
	check(err)
	token, metadata := answer.AuthenticationResult.AccessToken, answer.AuthenticationResult.NewDeviceMetadata
	d := &phone{w: w, key: aws.ToString(metadata.DeviceKey), group: aws.ToString(metadata.DeviceGroupKey), salt: big.NewInt(0x9c)}
	verifier := d.verifier()
	confirmed, err := sdk.ConfirmDevice(t.Context(), &cip.ConfirmDeviceInput{
		AccessToken: token, DeviceKey: metadata.DeviceKey, DeviceSecretVerifierConfig: &types.DeviceSecretVerifierConfigType{
			PasswordVerifier: aws.String(verifier["PasswordVerifier"].(string)), Salt: aws.String(verifier["Salt"].(string)),
		},
	})
	check(err)
	if !confirmed.UserConfirmationNecessary {
		t.Error("no confirmation by the user")
	}
	_, err = sdk.UpdateDeviceStatus(t.Context(), &cip.UpdateDeviceStatusInput{
		AccessToken: token, DeviceKey: metadata.DeviceKey, DeviceRememberedStatus: types.DeviceRememberedStatusTypeRemembered,
	})
	check(err)
	list, err := sdk.ListDevices(t.Context(), &cip.ListDevicesInput{AccessToken: token, Limit: aws.Int32(10)})
	check(err)
	if len(list.Devices) != 1 || list.Devices[0].DeviceCreateDate.Unix() != w.clock.Now().Unix() {
		t.Errorf("devices: %+v", list.Devices)
	}
	forgot, err := sdk.ForgotPassword(t.Context(), &cip.ForgotPasswordInput{ClientId: aws.String("main"), Username: aws.String("rob")})
	check(err)
	if forgot.CodeDeliveryDetails.DeliveryMedium != types.DeliveryMediumTypeEmail {
		t.Errorf("delivery: %+v", forgot.CodeDeliveryDetails)
	}
}
