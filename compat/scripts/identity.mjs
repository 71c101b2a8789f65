// Signs in with amazon-cognito-identity-js, renews, signs out, and prints what came of it.
// A request: {"endpoint", "pool", "client", "codes", "username", "password"} and, as wanted,
//   "flow":  SRP (default), PASSWORD, CUSTOM, CUSTOM_SRP
//   "wrong": a wrong password, tried first
//   "forgot", "confirm": what is done before the sign-in
//   "remember": sign in a second time, from the device that the first one left
//   "seed", "newPassword", "answer": for the challenges
import cognito from "amazon-cognito-identity-js";
import { serve } from "./serve.mjs";

let input, pool;

const newPool = () => new cognito.CognitoUserPool({ UserPoolId: input.pool, ClientId: input.client, endpoint: input.endpoint });
const get = async (path) => (await fetch(input.codes + path)).text();
const totp = (seed) => get("/totp?seed=" + seed);
const plain = (error) => ({ name: error.name ?? error.code, message: error.message });
const newUser = () => new cognito.CognitoUser({ Username: input.username, Pool: pool });
const call = (f) => new Promise((resolve, reject) => f({ onSuccess: resolve, onFailure: reject }));

function signIn(password, steps) {
  const user = newUser();
  const details = new cognito.AuthenticationDetails({ Username: input.username, Password: password });
  user.setAuthenticationFlowType({ PASSWORD: "USER_PASSWORD_AUTH", CUSTOM: "CUSTOM_AUTH", CUSTOM_SRP: "CUSTOM_AUTH" }[input.flow] ?? "USER_SRP_AUTH");
  return new Promise((resolve, reject) => {
    const on = {
      onSuccess: (session) => resolve({ user, session }),
      onFailure: reject,
      totpRequired: async (name) => {
        steps.push(name);
        user.sendMFACode(await totp(input.seed), on, name);
      },
      mfaRequired: async (name) => {
        steps.push(name);
        user.sendMFACode(await get("/sent"), on, name);
      },
      selectMFAType: (name) => {
        steps.push(name);
        user.sendMFASelectionAnswer("SOFTWARE_TOKEN_MFA", on);
      },
      mfaSetup: (name) => {
        steps.push(name);
        user.associateSoftwareToken(on);
      },
      associateSecretCode: async (seed) => user.verifySoftwareToken(await totp(seed), "app", on),
      newPasswordRequired: () => {
        steps.push("NEW_PASSWORD_REQUIRED");
        user.completeNewPasswordChallenge(input.newPassword, {}, on);
      },
      customChallenge: (parameters) => {
        steps.push("CUSTOM_CHALLENGE " + parameters.question);
        user.sendCustomChallengeAnswer(input.answer, on);
      },
    };
    if (input.flow === "CUSTOM") user.initiateAuth(details, on);
    else user.authenticateUser(details, on);
  });
}

const refresh = ({ user, session }) =>
  new Promise((resolve, reject) =>
    user.refreshSession(session.getRefreshToken(), (error, renewed) => (error ? reject(error) : resolve(renewed))),
  );
const tokens = (session) => ({ id: session.getIdToken().getJwtToken(), access: session.getAccessToken().getJwtToken() });

// forgot sets a new password by a code.
async function forgot() {
  const user = newUser();
  await new Promise((resolve, reject) =>
    user.forgotPassword({ onSuccess: resolve, onFailure: reject, inputVerificationCode: resolve }),
  );
  const code = await get("/sent");
  await call((on) => user.confirmPassword(code, input.newPassword, on));
  input.password = input.newPassword;
}

// confirm confirms a user who signed up.
async function confirm() {
  const node = (f) => new Promise((resolve, reject) => f((error, result) => (error ? reject(error) : resolve(result))));
  await node((done) => newUser().resendConfirmationCode(done));
  const code = await get("/sent");
  await node((done) => newUser().confirmRegistration(code, false, done));
}

await serve(async (request) => {
  input = request;
  pool = newPool();
  const result = { steps: [] };
  try {
    if (input.wrong) result.wrong = await signIn(input.wrong, []).then(() => ({ name: "signed in" }), plain);
    if (input.confirm) {
      result.wrong = await signIn(input.password, []).then(() => ({ name: "signed in" }), plain);
      await confirm();
    }
    if (input.forgot) await forgot();
    let who = await signIn(input.password, result.steps);
    if (input.remember) {
      await call((on) => who.user.setDeviceStatusRemembered(on));
      result.steps = [];
      who = await signIn(input.password, result.steps);
    }
    result.first = tokens(who.session);
    result.renewed = tokens(await refresh(who));
    await new Promise((resolve, reject) => who.user.signOut((error) => (error ? reject(error) : resolve())));
  } catch (error) {
    result.error = plain(error);
  }
  return result;
});
