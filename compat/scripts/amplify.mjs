// Signs in with aws-amplify v6, renews, signs out, and prints what came of it.
// A request: {"endpoint", "pool", "client", "codes", "username", "password"} and, as wanted,
//   "flow":      authFlowType, default USER_SRP_AUTH
//   "preferred": the first factor of USER_AUTH; "factor" is the one to choose when it asks
//   "wrong":     a wrong password, tried first
//   "remember":  sign in a second time, from the device that the first one left
//   "seed", "newPassword", "email", "answer": for the steps
import { Amplify } from "aws-amplify";
import * as auth from "aws-amplify/auth";
import { serve } from "./serve.mjs";

// Amplify names the device after the browser, and Node.js 20 has no navigator.
globalThis.navigator ??= { userAgent: "Node.js" };

let input;

const get = async (path) => (await fetch(input.codes + path)).text();
const totp = (seed) => get("/totp?seed=" + seed);
const plain = (error) => ({ name: error.name, message: error.message });
const tokens = ({ tokens }) => ({ id: tokens.idToken.toString(), access: tokens.accessToken.toString() });
const begin = (password) =>
  auth.signIn({
    username: input.username,
    password: input.flow === "CUSTOM_WITHOUT_SRP" ? undefined : password,
    options: { authFlowType: input.flow ?? "USER_SRP_AUTH", preferredChallenge: input.preferred },
  });

// The answer to each step of a sign-in.
const answers = {
  CONFIRM_SIGN_IN_WITH_TOTP_CODE: () => totp(input.seed),
  CONFIRM_SIGN_IN_WITH_SMS_CODE: () => get("/sent"),
  CONFIRM_SIGN_IN_WITH_EMAIL_CODE: () => get("/sent"),
  CONFIRM_SIGN_IN_WITH_NEW_PASSWORD_REQUIRED: () => input.newPassword,
  CONFIRM_SIGN_IN_WITH_CUSTOM_CHALLENGE: () => input.answer,
  CONFIRM_SIGN_IN_WITH_PASSWORD: () => input.password,
  CONTINUE_SIGN_IN_WITH_FIRST_FACTOR_SELECTION: () => input.factor,
  CONTINUE_SIGN_IN_WITH_MFA_SELECTION: () => "TOTP",
  CONTINUE_SIGN_IN_WITH_MFA_SETUP_SELECTION: () => "TOTP",
  CONTINUE_SIGN_IN_WITH_TOTP_SETUP: (step) => totp(step.totpSetupDetails.sharedSecret),
  CONTINUE_SIGN_IN_WITH_EMAIL_SETUP: () => input.email,
};

async function signIn(steps) {
  let { nextStep } = await begin(input.password);
  while (nextStep.signInStep !== "DONE") {
    steps.push(nextStep.signInStep);
    if (nextStep.signInStep === "RESET_PASSWORD") {
      await auth.resetPassword({ username: input.username });
      await auth.confirmResetPassword({ username: input.username, newPassword: input.newPassword, confirmationCode: await get("/sent") });
      input.password = input.newPassword;
      ({ nextStep } = await begin(input.password));
    } else if (nextStep.signInStep === "CONFIRM_SIGN_UP") {
      await auth.resendSignUpCode({ username: input.username });
      await auth.confirmSignUp({ username: input.username, confirmationCode: await get("/sent") });
      ({ nextStep } = await begin(input.password));
    } else {
      ({ nextStep } = await auth.confirmSignIn({ challengeResponse: await answers[nextStep.signInStep](nextStep) }));
    }
  }
}

await serve(async (request) => {
  input = request;
  Amplify.configure({
    Auth: { Cognito: { userPoolId: input.pool, userPoolClientId: input.client, userPoolEndpoint: input.endpoint } },
  });
  const result = { steps: [] };
  try {
    if (input.wrong) result.wrong = await begin(input.wrong).then(() => ({ name: "signed in" }), plain);
    await signIn(result.steps);
    if (input.remember) {
      await auth.rememberDevice();
      const devices = await auth.fetchDevices();
      if (devices.length !== 1) throw new Error(devices.length + " devices");
      await auth.signOut();
      result.steps = [];
      await signIn(result.steps);
    }
    result.first = tokens(await auth.fetchAuthSession());
    result.renewed = tokens(await auth.fetchAuthSession({ forceRefresh: true }));
    await auth.signOut({ global: true });
  } catch (error) {
    result.error = plain(error);
    await auth.signOut().catch(() => {});
  }
  return result;
});
