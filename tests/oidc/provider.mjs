// An OpenID provider with TLS on 127.0.0.1, told by lines on standard input what becomes of it. It answers each with a line.
import { createHash, generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';

const [modules, tls, as] = process.argv.slice(2);
const { default: Provider } = await import(
  pathToFileURL(createRequire(`${modules}/package.json`).resolve('oidc-provider')));

function key() {
  const jwk = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' });
  const kid = createHash('sha256').update(jwk.x).digest('hex').slice(0, 8);
  return { ...jwk, kid, alg: 'ES256', use: 'sig' };
}

let issuer;
const provider = (keys) => new Provider(issuer, {
  jwks: { keys },
  clients: [{
    client_id: 'worker', client_secret: 'a-secret-of-a-worker', id_token_signed_response_alg: 'ES256',
    redirect_uris: [], response_types: [],
    grant_types: ['client_credentials'], token_endpoint_auth_method: 'client_secret_post',
  }],
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => 'urn:app',
      getResourceServerInfo: () => ({
        scope: 'read', audience: 'app', accessTokenFormat: 'jwt', accessTokenTTL: 600, jwt: { sign: { alg: 'ES256' } },
      }),
    },
  },
  extraTokenClaims: () => ({ tenant: 'acme', roles: ['clinician'] }),
}).callback();

let keys = [key()];
let mode = 'well';
let fetches = 0;
let serve;
const server = createServer({ key: readFileSync(`${tls}/tls.key`), cert: readFileSync(`${tls}/tls.pem`) }, (request, answer) => {
  const of_keys = request.url.startsWith('/jwks') || request.url.startsWith('/.well-known');
  if (request.url.startsWith('/jwks')) fetches += 1;
  if (!of_keys || mode === 'well') return serve(request, answer);
  if (mode === 'down') return request.socket.destroy();
  // A byte now and then, for ever.
  if (mode === 'slow') { answer.writeHead(200); return void setInterval(() => answer.write(' '), 50); }
  if (mode === 'huge') return void answer.end('{"keys": [' + ' '.repeat(2 << 20) + ']}');
  answer.writeHead(302, { location: 'https://127.0.0.1:1/jwks' });
  return void answer.end();
});
server.listen(0, '127.0.0.1', () => {
  issuer = as ?? `https://127.0.0.1:${server.address().port}`;
  serve = provider(keys);
  console.log(`https://127.0.0.1:${server.address().port}`);
});
createInterface({ input: process.stdin }).on('line', (line) => {
  const [verb, what] = line.split(' ');
  // `rotate`: the new key signs, the one before stays known; `replace`: it is forgotten.
  if (verb === 'rotate') keys = [key(), keys[0]];
  if (verb === 'replace') keys = [key()];
  if (verb === 'mode') mode = what;
  if (verb !== 'fetches') serve = provider(keys);
  console.log(verb === 'fetches' ? fetches : 'done');
}).on('close', () => process.exit(0));
