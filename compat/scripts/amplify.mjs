// Signs in with aws-amplify v6 (SRP), renews, and prints what came of it.
// stdin: {"endpoint", "pool", "client", "username", "password", "wrong"}
import { readFileSync } from "node:fs";
import { Amplify } from "aws-amplify";
import { confirmSignIn, fetchAuthSession, signIn, signOut } from "aws-amplify/auth";

const input = JSON.parse(readFileSync(0, "utf8"));
Amplify.configure({
  Auth: { Cognito: { userPoolId: input.pool, userPoolClientId: input.client, userPoolEndpoint: input.endpoint } },
});

const tokens = ({ tokens }) => ({ id: tokens.idToken.toString(), access: tokens.accessToken.toString() });

const result = {};
if (input.wrong) {
  result.wrong = await signIn({ username: input.username, password: input.wrong }).then(
    () => "signed in",
    (error) => ({ name: error.name, message: error.message }),
  );
}
try {
  const { nextStep } = await signIn({ username: input.username, password: input.password });
  result.step = nextStep.signInStep;
  if (result.step === "CONFIRM_SIGN_IN_WITH_TOTP_CODE") await confirmSignIn({ challengeResponse: input.code });
  if (result.step === "CONFIRM_SIGN_IN_WITH_NEW_PASSWORD_REQUIRED") await confirmSignIn({ challengeResponse: input.newPassword });
  result.first = tokens(await fetchAuthSession());
  result.renewed = tokens(await fetchAuthSession({ forceRefresh: true }));
  await signOut({ global: true });
} catch (error) {
  result.error = { name: error.name, message: error.message };
}
console.log(JSON.stringify(result));
