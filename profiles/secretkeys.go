package profiles

// What to do about keys that hold a secret; %s is the profile's name.
const (
	hintPassword     = "delete the line and run: cogtok secret set %s password"
	hintClientSecret = "delete the line and run: cogtok secret set %s client-secret"
	hintTOTPSeed     = "delete the line and run: cogtok secret set %s totp-seed"
	hintLogin        = "delete the line and run: cogtok login %s"
	hintPassphrase   = "delete the line; cogtok asks for it, or runs passphrase_command"
	hintAWS          = "delete the line; AWS keys belong in ~/.aws, and aws_profile names them"
)

// secretKeys are the names under which people write secrets in a config, in
// bare form (lower case, letters and digits only). They are refused wherever
// they stand.
var secretKeys = map[string]string{
	"password": hintPassword, "pass": hintPassword, "passwd": hintPassword, "pwd": hintPassword,
	"userpassword": hintPassword, "secret": hintPassword, "newpassword": hintPassword,
	"clientsecret": hintClientSecret, "appclientsecret": hintClientSecret, "secrethash": hintClientSecret,
	"clientsecretkey": hintClientSecret, "appsecret": hintClientSecret,
	"refreshtoken": hintLogin, "accesstoken": hintLogin, "idtoken": hintLogin,
	"devicepassword": hintLogin, "devicesecret": hintLogin,
	"totpseed": hintTOTPSeed, "totpsecret": hintTOTPSeed, "totp": hintTOTPSeed, "otpseed": hintTOTPSeed,
	"otpsecret": hintTOTPSeed, "mfaseed": hintTOTPSeed, "mfasecret": hintTOTPSeed,
	"passphrase":         hintPassphrase,
	"awssecretaccesskey": hintAWS, "secretaccesskey": hintAWS, "awssessiontoken": hintAWS, "sessiontoken": hintAWS,
}
