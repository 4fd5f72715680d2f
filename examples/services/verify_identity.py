import json
import time
from urllib.request import urlopen

from authlib.jose import JsonWebKey, JsonWebToken
from authlib.jose.errors import JoseError


class IdentityVerifier:
    """Verifies identity tokens of a gateway (its PUBLIC_URL) for one service (one of its TOKEN_AUDIENCES)."""

    def __init__(self, gateway, audience):
        self.gateway = gateway
        self.audience = audience
        # The algorithm is fixed here: a token does not choose it.
        self.jwt = JsonWebToken(["ES256"])
        self.keys = None
        self.fetched_at = 0.0

    def verify(self, token):
        """Returns the claims. Raises JoseError or ValueError for anything but a valid token."""
        claims = self.jwt.decode(
            token,
            self._key_of,
            claims_options={
                "iss": {"essential": True, "value": self.gateway},
                "aud": {"essential": True, "value": self.audience},
                "sub": {"essential": True},
                "sid": {"essential": True},
                "exp": {"essential": True},
            },
        )
        if claims.header.get("typ") != "atgate-id+jwt":
            raise ValueError("not an identity token")
        # The clocks of two machines differ a little.
        claims.validate(leeway=5)
        return claims

    def _key_of(self, header, _payload):
        """Finds the key that a token names. An unknown one is looked for again, at most every 10 seconds."""
        age = time.monotonic() - self.fetched_at
        if self.keys is None or age > 300 or (age > 10 and not self._has(header.get("kid"))):
            with urlopen(f"{self.gateway}/auth/jwks.json", timeout=5) as response:
                self.keys = json.load(response)["keys"]
            self.fetched_at = time.monotonic()
        return JsonWebKey.import_key_set({"keys": self.keys}).find_by_kid(header.get("kid"))

    def _has(self, kid):
        return any(key["kid"] == kid for key in self.keys)


if __name__ == "__main__":
    import sys

    try:
        print(json.dumps(IdentityVerifier(sys.argv[1], sys.argv[2]).verify(sys.argv[3])))
    except (JoseError, ValueError) as error:
        sys.exit(f"refused: {error}")
