// Signs in with amazon-cognito-identity-js (SRP), renews, and prints what came of it.
// stdin: {"endpoint", "pool", "client", "username", "password", "wrong"}
import { readFileSync } from "node:fs";
import cognito from "amazon-cognito-identity-js";

const input = JSON.parse(readFileSync(0, "utf8"));
const pool = new cognito.CognitoUserPool({ UserPoolId: input.pool, ClientId: input.client, endpoint: input.endpoint });

function signIn(password) {
  const user = new cognito.CognitoUser({ Username: input.username, Pool: pool });
  const details = new cognito.AuthenticationDetails({ Username: input.username, Password: password });
  return new Promise((resolve) =>
    user.authenticateUser(details, {
      onSuccess: (session) => resolve({ user, session }),
      onFailure: (error) => resolve({ error: { name: error.name ?? error.code, message: error.message } }),
      totpRequired: () =>
        user.sendMFACode(input.code, {
          onSuccess: (session) => resolve({ user, session }),
          onFailure: (error) => resolve({ error: { name: error.name ?? error.code, message: error.message } }),
        }, "SOFTWARE_TOKEN_MFA"),
      newPasswordRequired: () =>
        user.completeNewPasswordChallenge(input.newPassword, {}, {
          onSuccess: (session) => resolve({ user, session }),
          onFailure: (error) => resolve({ error: { name: error.name ?? error.code, message: error.message } }),
        }),
    }),
  );
}

function refresh({ user, session }) {
  return new Promise((resolve, reject) =>
    user.refreshSession(session.getRefreshToken(), (error, renewed) => (error ? reject(error) : resolve(renewed))),
  );
}

const result = {};
if (input.wrong) result.wrong = (await signIn(input.wrong)).error ?? "signed in";
const right = await signIn(input.password);
if (right.error) {
  result.error = right.error;
} else {
  result.first = { id: right.session.getIdToken().getJwtToken(), access: right.session.getAccessToken().getJwtToken() };
  const renewed = await refresh(right);
  result.renewed = { id: renewed.getIdToken().getJwtToken(), access: renewed.getAccessToken().getJwtToken() };
}
console.log(JSON.stringify(result));
