// Verifies tokens with aws-jwt-verify and prints, for each, "ok" or the error's name.
// A request: {"pool", "client", "jwks", "tokens": [{"use", "token"}]}
import { CognitoJwtVerifier } from "aws-jwt-verify";
import { serve } from "./serve.mjs";

await serve(({ pool, client, jwks, tokens }) =>
  tokens.map(({ use, token }) => {
    const verifier = CognitoJwtVerifier.create({ userPoolId: pool, clientId: client, tokenUse: use });
    verifier.cacheJwks(jwks);
    try {
      verifier.verifySync(token);
      return "ok";
    } catch (error) {
      return error.name;
    }
  }),
);
