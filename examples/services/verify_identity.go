package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

// Identity is who makes a request.
type Identity struct {
	DID     string `json:"sub"`
	Handle  string `json:"handle"`
	Session string `json:"sid"`
	Scope   string `json:"scope"`
}

// IdentityVerifier verifies identity tokens of a gateway for one service.
type IdentityVerifier struct{ tokens *oidc.IDTokenVerifier }

// NewIdentityVerifier takes the gateway's PUBLIC_URL, and one of its TOKEN_AUDIENCES.
func NewIdentityVerifier(gateway, audience string) IdentityVerifier {
	client := &http.Client{Timeout: 5 * time.Second}
	// It looks for the keys again when a token names one that it does not know.
	keys := oidc.NewRemoteKeySet(oidc.ClientContext(context.Background(), client), gateway+"/auth/jwks.json")
	return IdentityVerifier{oidc.NewVerifier(gateway, keys, &oidc.Config{
		ClientID: audience,
		// The algorithm is fixed here: a token does not choose it.
		SupportedSigningAlgs: []string{"ES256"},
		// The clocks of two machines differ a little.
		Now: func() time.Time { return time.Now().Add(-5 * time.Second) },
	})}
}

// Verify returns who a token is of, or an error for anything but a valid token.
func (verifier IdentityVerifier) Verify(ctx context.Context, token string) (Identity, error) {
	var identity Identity
	if typeOf(token) != "atgate-id+jwt" {
		return identity, errors.New("not an identity token")
	}
	verified, err := verifier.tokens.Verify(ctx, token)
	if err != nil {
		return identity, err
	}
	return identity, verified.Claims(&identity)
}

func typeOf(token string) string {
	var header struct {
		Type string `json:"typ"`
	}
	encoded, _, _ := strings.Cut(token, ".")
	text, err := base64.RawURLEncoding.DecodeString(encoded)
	if err != nil || json.Unmarshal(text, &header) != nil {
		return ""
	}
	return header.Type
}

func main() {
	identity, err := NewIdentityVerifier(os.Args[1], os.Args[2]).Verify(context.Background(), os.Args[3])
	if err != nil {
		fmt.Fprintln(os.Stderr, "refused:", err)
		os.Exit(1)
	}
	json.NewEncoder(os.Stdout).Encode(identity)
}
