// Runs oidc-provider with Cognito's paths, claims and kinds of tokens; prints a line when it listens.
// argv: port, pool id, callback URL, client secret
import { createServer } from "node:http";
import { Provider } from "oidc-provider";

const [port, pool, callback, secret] = process.argv.slice(2);
const base = `http://127.0.0.1:${port}`;

// Cognito's access tokens are JWTs: here that takes a resource to be for.
const resource = "https://api.example.com";
const provider = new Provider(`${base}/${pool}`, {
  routes: { authorization: "/oauth2/authorize", token: "/oauth2/token", revocation: "/oauth2/revoke", userinfo: "/oauth2/userInfo" },
  scopes: ["openid", "email", "orders/read"],
  claims: { openid: ["sub", "token_use", "cognito:username"], email: ["email", "email_verified"] },
  conformIdTokenClaims: false,
  clients: [
    {
      client_id: "browserclient", redirect_uris: [callback], response_types: ["code"],
      grant_types: ["authorization_code", "refresh_token"], token_endpoint_auth_method: "none",
    },
    {
      client_id: "machineclient", client_secret: secret, redirect_uris: [], response_types: [],
      grant_types: ["client_credentials"], scope: "orders/read",
    },
  ],
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: true }, // its pages for signing in and consent
    revocation: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => resource,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope: "openid email orders/read", audience: resource, accessTokenFormat: "jwt", jwt: { sign: { alg: "RS256" } },
      }),
    },
  },
  extraTokenClaims: (_, token) => ({ token_use: "access", username: token.accountId }),
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, token_use: "id", "cognito:username": id, email: `${id}@example.com`, email_verified: true }),
  }),
  issueRefreshToken: () => true,
  rotateRefreshToken: () => true,
  pkce: { required: () => true },
});

// The user pool's id stands before each path, as in the issuer.
createServer((request, response) => {
  const answer = provider.callback();
  if (request.url.startsWith(`/${pool}/`)) {
    request.originalUrl = request.url;
    request.url = request.url.slice(pool.length + 1);
  }
  answer(request, response);
}).listen(Number(port), "127.0.0.1", () => console.log("listening"));
