// Verifies tokens with aws-jwt-verify and prints, for each, "ok" or the error's name.
// stdin: {"pool", "client", "jwks", "tokens": [{"use", "token"}]}
import { readFileSync } from "node:fs";
import { CognitoJwtVerifier } from "aws-jwt-verify";

const input = JSON.parse(readFileSync(0, "utf8"));
const results = input.tokens.map(({ use, token }) => {
  const verifier = CognitoJwtVerifier.create({ userPoolId: input.pool, clientId: input.client, tokenUse: use });
  verifier.cacheJwks(input.jwks);
  try {
    verifier.verifySync(token);
    return "ok";
  } catch (error) {
    return error.name;
  }
});
console.log(JSON.stringify(results));
