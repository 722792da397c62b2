"""What an app does: proves a token by the published keys. Arguments: the JWKS, the token, issuer, audience, algorithm."""
import json
import sys

import jwt

jwks, token, issuer, audience, algorithm = sys.argv[1:]
keys = {key.key_id: key for key in jwt.PyJWKSet.from_json(jwks).keys}
key = keys[jwt.get_unverified_header(token)["kid"]]
require = ["exp", "iat", "nbf", "iss", "aud", "sub"]
claims = jwt.decode(token, key.key, algorithms=[algorithm], issuer=issuer, audience=audience, options={"require": require})
print(json.dumps(claims))
